/** What a style sheet links to. Knows CSS, not the site. */
import { TokenType, tokenizer } from '@csstools/css-tokenizer';
import type { Link } from './link-page.ts';

/** Every way to write a link in CSS begins like this: most style attributes need no tokenizer. */
const SUSPECT = /url\(|@import|image-set\(|src\(/i;

/** Functions whose strings are URLs. */
const URL_FUNCTIONS = /^(?:url|src|(?:-webkit-)?image-set)$/i;

/** Reads a style sheet, or the value of a style attribute. */
export function readStyleLinks(css: string): Link[] {
  if (!SUSPECT.test(css)) return [];
  const links: Link[] = [];
  const tokens = tokenizer({ css });
  // The functions around the token, innermost last; a string means a URL in some of them.
  const around: boolean[] = [];
  let isImport = false;
  let isNamespace = false;
  while (!tokens.endOfFile()) {
    const [type, , at, , detail] = tokens.nextToken();
    if (type === TokenType.URL && !isNamespace) links.push({ url: detail.value, at });
    else if (type === TokenType.String) {
      if (isImport || (around.at(-1) && !isNamespace)) links.push({ url: detail.value, at });
    } else if (type === TokenType.Function) around.push(URL_FUNCTIONS.test(detail.value));
    else if (type === TokenType.OpenParen) around.push(false);
    else if (type === TokenType.CloseParen) around.pop();
    if (type === TokenType.Semicolon || type === TokenType.OpenCurly) isNamespace = false;
    if (type === TokenType.AtKeyword) isNamespace = detail.value.toLowerCase() === 'namespace';
    // Only what follows it at once: layer("…") and the like are no addresses.
    if (type === TokenType.AtKeyword) isImport = detail.value.toLowerCase() === 'import';
    else if (type !== TokenType.Whitespace && type !== TokenType.Comment) isImport = false;
  }
  return links;
}
