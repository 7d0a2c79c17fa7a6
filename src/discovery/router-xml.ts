/**
 * As much XML as routers need: names of elements and the text in them, read in one pass over a text of
 * limited length. No entities but the five, no external anything. Pure.
 */

/** One step through a document. */
type Step = { readonly name: string; readonly isEnd: boolean; readonly text: string };

/** Most services that a description is read for. */
const MOST_SERVICES = 64;

/** A service of a device, as its description has it. */
export type UpnpService = { readonly type: string; readonly control: string };

/** Finds the services that a device and those inside it describe, and the base of their addresses. */
export function readDescription(xml: string): {
  readonly services: readonly UpnpService[];
  readonly base: string | undefined;
} {
  const services: UpnpService[] = [];
  let base: string | undefined;
  let [type, control] = ['', ''];
  for (const { name, isEnd, text } of steps(xml)) {
    if (name === 'service' && !isEnd) [type, control] = ['', ''];
    else if (name === 'service' && services.length < MOST_SERVICES)
      services.push({ type, control });
    else if (isEnd) continue;
    else if (name === 'serviceType') type = text;
    else if (name === 'controlURL') control = text;
    else if (name === 'URLBase') base = text;
  }
  return { services, base };
}

/** Reads the text of the first element of that name, of whatever namespace; undefined where there is none. */
export function textOf(xml: string, wanted: string): string | undefined {
  for (const { name, isEnd, text } of steps(xml)) if (name === wanted && !isEnd) return text;
  return undefined;
}

/** Writes a text so that it is nothing but text in XML. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function* steps(xml: string): Generator<Step> {
  // Neither part can run over the next `<`, so that it takes one pass whatever the text is.
  for (const [, tag = '', text = ''] of xml.matchAll(/<([^<>]*)>([^<]*)/g)) {
    const [, end, name] = /^(\/?)(?:[\w.-]+:)?([\w.-]+)/.exec(tag) ?? [];
    if (name !== undefined) yield { name, isEnd: end === '/', text: unescapeXml(text.trim()) };
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name) => ENTITIES[name] ?? whole);
}
