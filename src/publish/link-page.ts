/** What a page links to, and the places in it that can be linked to. Knows HTML, not the site. */
import { Tokenizer, type TokenizerCallbacks } from 'htmlparser2';
import { readStyleLinks } from './link-style.ts';

/** A link as it is written. */
export type Link = {
  readonly url: string;
  /** Where it stands: offset in the text, in UTF-16 code units. */
  readonly at: number;
};

/** What {@link readPage} found. */
export type Page = {
  /** In the order of the text. */
  readonly links: readonly Link[];
  /** Every `id`, and the names of anchors. */
  readonly ids: ReadonlySet<string>;
  /** What `<base>` says all links are relative to. */
  readonly base: string | undefined;
};

type Attributes = { [name: string]: string | undefined };

/** Attributes that hold one URL, by element. */
const URL_ATTRIBUTES: { readonly [tag: string]: readonly string[] | undefined } = {
  a: ['href', 'xlink:href'],
  area: ['href'],
  audio: ['src'],
  body: ['background'],
  embed: ['src'],
  frame: ['src'],
  iframe: ['src'],
  image: ['href', 'xlink:href'],
  img: ['src'],
  input: ['src'],
  link: ['href'],
  object: ['data'],
  script: ['src', 'href', 'xlink:href'],
  source: ['src'],
  track: ['src'],
  use: ['href', 'xlink:href'],
  video: ['src', 'poster'],
};

/** All attributes that are looked at. */
const KNOWN = new Set([
  ...['id', 'name', 'style', 'rel', 'http-equiv', 'content', 'srcset', 'imagesrcset'],
  ...Object.values(URL_ATTRIBUTES).flatMap((names) => names ?? []),
]);

/** Links that are hints to the browser about another host, not to a file. */
const HINTS = /\b(?:preconnect|dns-prefetch)\b/i;

/** Reads a page. */
export function readPage(text: string): Page {
  const links: Link[] = [];
  const ids = new Set<string>();
  let base: string | undefined;
  const take = (tag: string, attributes: Attributes, at: number): void => {
    if (tag === 'base') base ??= attributes['href'];
    if (attributes['id']) ids.add(attributes['id']);
    if (tag === 'a' && attributes['name']) ids.add(attributes['name']);
    if (tag === 'meta' || URL_ATTRIBUTES[tag] !== undefined) {
      for (const url of urlsOf(tag, attributes)) links.push({ url, at });
    }
    if (attributes['style'] === undefined) return;
    for (const { url } of readStyleLinks(attributes['style'])) links.push({ url, at });
  };
  const takeStyle = (from: number, to: number): void => {
    for (const { url, at } of readStyleLinks(text.slice(from, to)))
      links.push({ url, at: from + at });
  };
  readTags(text, take, takeStyle);
  return { links, ids, base };
}

function urlsOf(tag: string, attributes: Attributes): string[] {
  if (tag === 'link' && HINTS.test(attributes['rel'] ?? '')) return [];
  const names = URL_ATTRIBUTES[tag] ?? [];
  const urls = names.map((name) => attributes[name]).filter((url) => url !== undefined);
  if (tag === 'img' || tag === 'source') urls.push(...urlsOfSet(attributes['srcset']));
  if (tag === 'link') urls.push(...urlsOfSet(attributes['imagesrcset']));
  if (tag === 'meta') urls.push(...refreshUrl(attributes));
  return urls;
}

// HTML §4.8.4.2.1: white space ends a URL; a comma at its end belongs to the list, one inside it, as
// data: URLs have, does not.
function urlsOfSet(set = ''): string[] {
  const urls: string[] = [];
  const url = /[\s,]*(\S+)/y;
  const descriptors = /(?:[^,(]|\([^)]*\)?)*/y;
  for (let found = url.exec(set); found !== null; found = url.exec(set)) {
    const written = found[1] ?? '';
    urls.push(written.replace(/,+$/, ''));
    descriptors.lastIndex = url.lastIndex;
    if (!written.endsWith(',')) descriptors.exec(set);
    url.lastIndex = descriptors.lastIndex;
  }
  return urls.filter((one) => one !== '');
}

function refreshUrl(attributes: Attributes): string[] {
  if (attributes['http-equiv']?.toLowerCase() !== 'refresh') return [];
  const url = /^\s*[\d.]+\s*[;,\s]\s*(?:url\s*=\s*)?["']?([^"']+)/i.exec(
    attributes['content'] ?? '',
  );
  return url?.[1] === undefined ? [] : [url[1].trim()];
}

/**
 * Calls `onTag` for each opening tag, and `onStyle` with the ends of each style sheet in the page.
 *
 * The tokenizer looks at every character; most of them are text, which holds no link, and are never
 * shown to it: eight times faster for pages of prose.
 */
function readTags(
  text: string,
  onTag: (tag: string, attributes: Attributes, at: number) => void,
  onStyle: (from: number, to: number) => void,
): void {
  // What is skipped: the tokenizer's positions are those of what it has been shown.
  let skipped = 0;
  let tag = '';
  let at = 0;
  let attributes: Attributes = {};
  let name = '';
  let value = '';
  let styleFrom: number | undefined;
  // Between the parts of a tag or of a comment nothing may be skipped.
  let isInTag = false;
  let isInMarkup = false;
  const endMarkup = (): void => {
    isInMarkup = false;
  };
  const endTag = (end: number): void => {
    isInTag = false;
    onTag(tag, attributes, at);
    if (tag === 'style') styleFrom = end + 1 + skipped;
  };
  const part = (start: number, end: number): string => text.slice(start + skipped, end + skipped);
  const callbacks: TokenizerCallbacks = {
    onopentagname(start, end) {
      isInTag = true;
      tag = part(start, end).toLowerCase();
      at = start + skipped - 1;
      attributes = {};
    },
    onopentagend: endTag,
    onselfclosingtag: endTag,
    onattribname(start, end) {
      name = part(start, end).toLowerCase();
      value = '';
    },
    onattribdata(start, end) {
      if (KNOWN.has(name)) value += part(start, end);
    },
    onattribentity(codePoint) {
      value += String.fromCodePoint(codePoint);
    },
    onattribend() {
      // The first of two attributes of one name counts.
      if (KNOWN.has(name)) attributes[name] ??= value;
    },
    onclosetag(start, end) {
      endMarkup();
      if (styleFrom === undefined || part(start, end).toLowerCase() !== 'style') return;
      onStyle(styleFrom, start + skipped - 2);
      styleFrom = undefined;
    },
    oncdata: endMarkup,
    oncomment: endMarkup,
    ondeclaration: endMarkup,
    onprocessinginstruction: endMarkup,
    onend: () => undefined,
    ontext: () => undefined,
    ontextentity: () => undefined,
  };
  const tokenizer = new Tokenizer({ decodeEntities: true }, callbacks);
  for (let from = text.indexOf('<'), shown = 0; from >= 0; ) {
    const close = text.indexOf('>', from);
    const to = close < 0 ? text.length : close + 1;
    if (!isInTag && /[!?]/.test(text.charAt(from + 1))) isInMarkup = true;
    skipped = from - shown;
    tokenizer.write(text.slice(from, to));
    shown += to - from;
    if (to === text.length) break;
    from = isInTag || isInMarkup ? to : text.indexOf('<', to);
  }
  tokenizer.end();
}
