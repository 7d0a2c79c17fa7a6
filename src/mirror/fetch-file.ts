/**
 * One file from a peer, without a mirror (R23): the record with its proof, then the value by its hash.
 * Whoever has only the stream id so gets exactly what the publisher signed, or nothing.
 */
import { comparePrecedence } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import { checkProof } from '../core/proof.ts';
import { PROTOCOL_TYPE, type SignedRecord, SNAPSHOT_KEY } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { inflateFile } from '../files/file-record.ts';
import { bareRecord } from '../store/mirror-store.ts';
import { connectSource } from './connect-source.ts';
import { downloadValue } from './download-value.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { blame } from './peer-errors.ts';
import { parsePeerUrl } from './peer-url.ts';
import type { Source } from './source.ts';

/** A file as the stream has it. */
export type FetchedFile = {
  /** What the publisher put in, inflated. */
  readonly content: Uint8Array;
  /** Signed, without its value. */
  readonly record: SignedRecord;
  /**
   * The snapshot that proves that this is the file of its generation. Undefined where the stream or
   * the peer has none: then the record is signed, but another one may have taken its place.
   */
  readonly snapshot: Snapshot | undefined;
};

/** What {@link fetchFile} is told besides where and what. */
export type FetchFileOptions = {
  /** Largest content. Default 256 MiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: HttpLimits | undefined;
};

const FILE_TYPE = 'file';
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Fetches a file from a peer and checks it against the stream's key.
 *
 * @param key - the site path; empty, or ending in a slash, it means the `index.html` there
 * @throws {DrayerError} RECORD_NOT_FOUND when there is no such file; proved where there is a snapshot
 * @throws {DrayerError} PEER_MISBEHAVED when anything it sends does not hold
 * @throws {DrayerError} FILE_RECORD_INVALID when it is no file, or larger than `maxBytes`
 * @throws {DrayerError} UNREACHABLE, NOT_FOUND, VALUE_NOT_HELD, TOO_LARGE
 */
export async function fetchFile(
  url: string,
  publicKey: Uint8Array,
  key: string,
  options: FetchFileOptions = {},
): Promise<FetchedFile> {
  const http = new HttpClient(options);
  try {
    const { source } = await connectSource(http, parsePeerUrl(url), publicKey);
    const path = key === '' || key.endsWith('/') ? `${key}index.html` : key;
    const found = (await findProved(source, path)) ?? (await findSigned(source, path));
    const { record, snapshot } = found;
    const value = record.value ?? (await downloadValue(source, record.hash));
    if (value === undefined) {
      throw new DrayerError(
        'VALUE_NOT_HELD',
        `${source.url}: does not have the content of ${path}`,
        {
          hint: 'it may hold only a part of the stream; ask another peer',
        },
      );
    }
    const content = inflateFile(value, options.maxBytes ?? MAX_BYTES);
    return { content, record: bareRecord(record), snapshot };
  } finally {
    http.close();
  }
}

type Found = Pick<FetchedFile, 'record' | 'snapshot'>;

/** Undefined where the peer or the stream knows no proofs. */
async function findProved(source: Source, path: string): Promise<Found | undefined> {
  const shown = await source.proof(FILE_TYPE, path);
  if (shown === undefined) return undefined;
  try {
    verifyRecord(shown.snapshot, source.publicKey);
    const { type, key, value } = shown.snapshot;
    if (type !== PROTOCOL_TYPE || key !== SNAPSHOT_KEY || value === undefined) {
      throw new DrayerError('PROOF_INVALID', `expected a snapshot, got ${type}/${key}`);
    }
    const snapshot = decodeSnapshot(value);
    const verdict = checkProof(snapshot.root, FILE_TYPE, path, shown.proof);
    if (verdict === 'absent') throw notThere(source, path, `in generation ${snapshot.seq}, proved`);
    if (shown.record === undefined) throw new DrayerError('PROOF_INVALID', 'the record is missing');
    verifyRecord(shown.record, source.publicKey);
    return { record: shown.record, snapshot };
  } catch (error) {
    throw blame(source.url, error);
  }
}

/** The newest record of this name that the peer shows; signed, but nothing says that none is newer. */
async function findSigned(source: Source, path: string): Promise<Found> {
  const record = source.isPlain ? await scan(source, path) : await source.record(FILE_TYPE, path);
  if (record === undefined) throw notThere(source, path, 'as far as it shows');
  try {
    verifyRecord(record, source.publicKey);
    if (record.type === FILE_TYPE && record.key === path) return { record, snapshot: undefined };
    throw new DrayerError('MALFORMED', `expected file ${path}, got ${record.type}/${record.key}`);
  } catch (error) {
    throw blame(source.url, error);
  }
}

/** An original can only be asked for everything. */
async function scan(source: Source, path: string): Promise<SignedRecord | undefined> {
  let first: SignedRecord | undefined;
  for await (const { records } of source.batches({ since: 0, inlineBytes: 0 })) {
    for (const record of records) {
      if (record.type !== FILE_TYPE || record.key !== path) continue;
      if (first === undefined || comparePrecedence(record, first) < 0) first = record;
    }
  }
  return first;
}

function notThere(source: Source, path: string, where: string): DrayerError {
  return new DrayerError('RECORD_NOT_FOUND', `${source.url}: has no file ${path} (${where})`, {
    hint: 'drayer mirror copies the whole site; drayer ls then shows what is in it',
  });
}
