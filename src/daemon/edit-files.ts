/** Single files of a site, put and removed by hand; what publishing the folder makes of that. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { nearestTo } from '../core/nearest.ts';
import { bytesEqual } from '../core/record.ts';
import { findPathFault, foldSitePath } from '../files/site-path.ts';
import { findSecretFaults } from '../publish/file-secrets.ts';
import { isNeverPublished } from '../publish/never-published.ts';
import { secretNeedles } from '../publish/secret-scan.ts';
import type { StreamReader } from '../store/reader.ts';
import type { Transaction } from '../store/transaction.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';

/** A site path as people type it: without the slash in front, in the form keys have. */
export function typedSitePath(text: string): string {
  return text.replace(/^(\.?\/)+/, '').normalize('NFC');
}

/** A file to put. */
export type PutFile = {
  /** Site path. */
  readonly key: string;
  readonly content: Uint8Array;
  readonly timeMicros?: number | undefined;
};

/** What is asked of a file before it is put. */
export type PutRules = {
  /** 64 bytes: no file may contain it. */
  readonly secretKey: Uint8Array | undefined;
  /** Secrets of others may be in it. */
  readonly allowSecrets?: boolean | undefined;
};

/**
 * Refuses a file that a publish of a folder would refuse too.
 *
 * @throws {DrayerError} PATH_INVALID when the path cannot be served, or clashes with another on some disks
 * @throws {DrayerError} SECRET_IN_SITE for names and contents that are never published;
 *   CREDENTIAL_IN_SITE for what looks like a secret of somebody else's
 */
export function checkPutFile(reader: StreamReader, file: PutFile, rules: PutRules): void {
  const { key, content } = file;
  const fault = findPathFault(key);
  if (fault !== undefined) {
    throw new DrayerError('PATH_INVALID', `${JSON.stringify(key)}: ${fault}`, {
      hint: 'choose another path; it is what comes after the host in the address',
    });
  }
  const name = key.split('/').find(isNeverPublished);
  if (name !== undefined) {
    throw new DrayerError('SECRET_IN_SITE', `${key}: what is called ${name} is never published`, {
      hint: 'keys, streams, .git, .env* and their like stay here; if it is something else, give it another name',
    });
  }
  checkNoSecret(key, content, rules);
  const other =
    reader.findRecord(FILE_TYPE, key) === undefined ? findClash(reader, key) : undefined;
  if (other === undefined) return;
  const message = `${key}: it cannot lie beside ${other} on every disk`;
  throw new DrayerError('PATH_INVALID', message, {
    hint: `choose another path, or remove the other one first: drayer rm STREAM ${other}`,
  });
}

/**
 * Refuses a content with a secret in it.
 *
 * @param name - what the content is called in the message
 * @throws {DrayerError} SECRET_IN_SITE, CREDENTIAL_IN_SITE
 */
export function checkNoSecret(name: string, content: Uint8Array, rules: PutRules): void {
  const needles = rules.secretKey === undefined ? [] : secretNeedles(rules.secretKey);
  const { own, known } = findSecretFaults(name, content, needles);
  if (own !== undefined) {
    throw new DrayerError(own.code, `${name}: ${own.message}`, {
      hint: 'nothing was published; whoever reads the key can act as its owner, for ever',
    });
  }
  if (known === undefined || rules.allowSecrets) return;
  throw new DrayerError(known.code, `${name}: ${known.message}`, {
    hint: 'take the secret out; if everybody may know it: --allow-secrets',
  });
}

/** A path that is the same on a disk without case, or a folder of the other. */
function findClash(reader: StreamReader, key: string): string | undefined {
  const fold = foldSitePath(key);
  for (const record of reader.entries({ type: FILE_TYPE })) {
    const other = foldSitePath(record.key);
    if (other === fold || other.startsWith(`${fold}/`) || fold.startsWith(`${other}/`)) {
      return record.key;
    }
  }
  return undefined;
}

/** What is to be removed. */
export type Removal = {
  readonly type: string;
  /** As typed. */
  readonly paths: readonly string[];
  /** Folders with all that is in them, too. */
  readonly recursive: boolean;
};

/**
 * Removes records.
 *
 * @returns the keys that were removed, sorted
 * @throws {DrayerError} RECORD_NOT_FOUND naming every path that is not there; USAGE for a folder without
 *   `recursive`. Nothing is removed then
 */
export function removeRecords(tx: Transaction, reader: StreamReader, removal: Removal): string[] {
  const { type, paths, recursive } = removal;
  const keys = new Set<string>();
  const missing: string[] = [];
  for (const path of paths) {
    const exact = [path, typedSitePath(path)].find((key) => reader.findRecord(type, key));
    const found = exact === undefined ? keysBelow(reader, type, path) : [exact];
    if (found.length === 0) missing.push(path);
    if (exact === undefined && found.length > 0 && !recursive) throw isFolder(path, found.length);
    for (const key of found) keys.add(key);
  }
  if (missing.length > 0) throw notThere(reader, type, missing);
  for (const key of keys) tx.deleteBytes(type, key);
  return [...keys].sort();
}

function keysBelow(reader: StreamReader, type: string, path: string): string[] {
  if (type !== FILE_TYPE) return [];
  const folder = typedSitePath(path).replace(/\/+$/, '');
  const keys = Array.from(reader.entries({ type }), ({ key }) => key);
  return folder === '' || folder === '.'
    ? keys
    : keys.filter((key) => key.startsWith(`${folder}/`));
}

function isFolder(path: string, files: number): DrayerError {
  const message = `${path}: a folder with ${files} ${files === 1 ? 'file' : 'files'} in it; nothing was removed`;
  return new DrayerError('USAGE', message, { hint: 'add --recursive to remove all of them' });
}

function notThere(reader: StreamReader, type: string, paths: readonly string[]): DrayerError {
  const keys = Array.from(reader.entries({ type }), ({ key }) => key);
  const lines = paths.map((path) => {
    const nearest = suggest(path, keys);
    const meant = nearest.length === 0 ? '' : `; is it ${nearest.join(' or ')}?`;
    return `${path}: not in this stream${meant}`;
  });
  const said = lines.length === 1 ? '' : 'nothing was removed:\n';
  return new DrayerError('RECORD_NOT_FOUND', `${said}${lines.join('\n')}`, {
    hint:
      type === FILE_TYPE
        ? 'drayer ls shows what there is'
        : `drayer ls --type ${type} shows what there is`,
  });
}

function suggest(path: string, keys: readonly string[]): string[] {
  const key = typedSitePath(path);
  const name = key.slice(key.lastIndexOf('/') + 1);
  const namesakes = keys.filter((one) => one.endsWith(`/${name}`) || one === name);
  if (namesakes.length > 0) return namesakes.slice(0, 3);
  return nearestTo(key, keys, { results: 3, distance: Math.max(1, Math.floor(key.length / 3)) });
}

/** What the next publish of the folder makes of a path that was changed by hand. */
export type NextPublish = 'keeps' | 'removes' | 'replaces' | 'adds';

/**
 * Says what the next publish of a folder makes of a file.
 *
 * @param content - what the stream has now; undefined when the file was removed from it
 */
export function foreseePublish(
  directory: string,
  key: string,
  content: Uint8Array | undefined,
): NextPublish {
  const onDisk = readIfFile(join(directory, key));
  if (onDisk === undefined) return content === undefined ? 'keeps' : 'removes';
  if (content === undefined) return 'adds';
  return bytesEqual(onDisk, content) ? 'keeps' : 'replaces';
}

function readIfFile(path: string): Uint8Array | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() ? readFileSync(path) : undefined;
}
