/** What a path of a site may mean: the rules by which it is served, and its links are checked. */

/** What a path of a site may mean, to be tried in order. */
type Candidate =
  /** This file. */
  | { readonly kind: 'file'; readonly key: string }
  /** Go to `path` if there is such a file. */
  | { readonly kind: 'redirect'; readonly key: string; readonly path: string };

/**
 * Lists what a path may mean: the file itself, `index.html` of a directory, `foo.html` for `foo`,
 * and the same with the slash at the end where it belongs.
 *
 * @param key - a decoded path without leading slash; empty for the site itself
 */
export function candidatesOf(key: string): Candidate[] {
  const spellings = key === key.normalize('NFC') ? [key] : [key, key.normalize('NFC')];
  return spellings.flatMap((spelling) => candidatesOfSpelling(spelling));
}

/** Writes a key as the path of a URL, with a leading slash that no second one follows. */
export function encodeSitePath(key: string): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  // `//name` in a Location is another host.
  return `/${path.replace(/^\/+/, (slashes) => '%2F'.repeat(slashes.length))}`;
}

function candidatesOfSpelling(key: string): Candidate[] {
  if (key === '') return [{ kind: 'file', key: 'index.html' }];
  if (!key.endsWith('/')) {
    return [
      { kind: 'file', key },
      { kind: 'file', key: `${key}.html` },
      { kind: 'redirect', key: `${key}/index.html`, path: encodeSitePath(`${key}/`) },
    ];
  }
  const bare = key.replace(/\/+$/, '');
  const path = encodeSitePath(bare);
  return [
    { kind: 'file', key: `${key}index.html` },
    { kind: 'redirect', key: bare, path },
    { kind: 'redirect', key: `${bare}.html`, path },
  ];
}
