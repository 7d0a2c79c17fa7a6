/**
 * Which files of a stream can be written to any disk without harm (THREATS A16). A stream may come from
 * anybody, and its keys are names that they chose.
 */
import { findPathFault, foldSitePath } from '../files/site-path.ts';

/** A file that is not written. */
export type ExportFault = { readonly key: string; readonly message: string };

/**
 * Says for each key that cannot be a file what is wrong with it: names that mean something else to a
 * system, names that two files share on some disk, and files that would be folders of others. Of a clash
 * both are named: which of them is meant, nobody knows.
 */
export function findExportFaults(keys: readonly string[]): ExportFault[] {
  const faults = new Map<string, string>();
  for (const key of keys) {
    const fault = findNameFault(key);
    if (fault !== undefined) faults.set(key, fault);
  }
  for (const [key, other] of findClashes(keys)) {
    if (!faults.has(key)) faults.set(key, `it cannot lie beside ${JSON.stringify(other)}`);
  }
  return [...faults].map(([key, message]) => ({ key, message }));
}

/** Says what makes one key unfit to be a path on some system; undefined when nothing does. */
export function findNameFault(key: string): string | undefined {
  const fault = findPathFault(key);
  if (fault !== undefined) return fault;
  for (const segment of key.split('/')) {
    const named = JSON.stringify(segment);
    // A drive, or another stream of the same file (NTFS).
    if (segment.includes(':')) return `expected no colon, got ${named}`;
    // Windows leaves them out: `a.` is `a`.
    if (/[. ]$/.test(segment)) return `expected no dot or space at the end, got ${named}`;
    if (DEVICE.test(segment)) return `${named} is a device on Windows`;
    // Whoever runs git in the folder would run what it says.
    if (GIT.test(bare(segment))) return `${named} is read by git as its own`;
    if (process.platform === 'win32' && /[<>"|?*]/.test(segment)) {
      return `expected no character that Windows keeps to itself, got ${named}`;
    }
  }
  return undefined;
}

/** Also with an extension, and with the small digits that Windows takes for 1, 2 and 3. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)/i;
/** By its name, and by the short one that Windows gives it. */
const GIT = /^(\.git|git~\d+)$/;

/** As HFS+ and NTFS compare names: without what cannot be seen, and without case. */
function bare(text: string): string {
  return foldSitePath(text.replace(/\p{Default_Ignorable_Code_Point}/gu, ''));
}

/** Every key that cannot lie beside another one, with that other one. */
function* findClashes(keys: readonly string[]): Generator<[key: string, other: string]> {
  const files = new Map<string, string>();
  for (const key of keys) {
    const fold = bare(key);
    const other = files.get(fold);
    if (other === undefined) files.set(fold, key);
    else yield* both(key, other);
  }
  for (const key of keys) {
    for (const folder of foldersOf(key)) {
      const file = files.get(bare(folder));
      if (file !== undefined) yield* both(key, file);
    }
  }
}

function both(a: string, b: string): [string, string][] {
  return [
    [a, b],
    [b, a],
  ];
}

function foldersOf(key: string): string[] {
  const folders: string[] = [];
  for (let end = key.indexOf('/'); end >= 0; end = key.indexOf('/', end + 1)) {
    folders.push(key.slice(0, end));
  }
  return folders;
}
