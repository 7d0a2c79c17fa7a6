/** What there is to say about one stream file: for `ls`, `cat` and `info`. Reads, changes nothing. */
import { existsSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import {
  ANCHOR_KEY,
  type Micros,
  PROTOCOL_TYPE,
  PROVENANCE_KEY,
  type SignedRecord,
} from '../core/record.ts';
import { decodeFile, MAX_HEADER_BYTES } from '../files/file-record.ts';
import { decodeProvenance, type Provenance } from '../files/provenance.ts';
import { forkProofPathOf, readForkProof } from '../store/fork-proof.ts';
import { nameOfHash } from '../store/hash-name.ts';
import { keyPathOf } from '../store/key-file.ts';
import { isBehind, markPathOf, readMark } from '../store/mark.ts';
import { openReader } from '../store/open-reader.ts';
import type { Generation, StreamReader } from '../store/reader.ts';
import { partPathOf } from '../store/staging-file.ts';
import { readTrust, trustPathOf } from '../store/trust.ts';
import { type SignatureState, signatureStateOf } from '../store/unchecked.ts';
import { heldModeOf } from '../store/value-choice.ts';
import { type ValueMode, wantedHashes } from '../store/value-mode.ts';
import { isForkProof } from '../wire/fork-proof.ts';

/** The facts about a stream file. */
export type StreamFacts = {
  readonly path: string;
  /** Base64. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly generation: Generation;
  /** Number and bytes of the records of each type, by type. */
  readonly types: readonly TypeFacts[];
  /** Records whose value is wanted and not held. */
  readonly wanted: readonly { readonly type: string; readonly key: string }[];
  /** Bytes of all values held. */
  readonly bytes: number;
  /** What is held of the values; undefined where it is all of them, or is to be. */
  readonly values: ValueFacts | undefined;
  /** Path of the secret key, where there is one. */
  readonly keyPath: string | undefined;
  /** Whether this mirror has checked the generation against its snapshot; undefined for an own stream. */
  readonly isComplete: boolean | undefined;
  /** Whether each record's own signature has been checked; until then no peer is given any of it. */
  readonly signatures: SignatureState;
  /** The key has signed more than this file holds: it was restored, or is an old copy. */
  readonly isBehindMark: boolean;
  /** Path of the proof that the key signed two histories, where there is one. */
  readonly forkProofPath: string | undefined;
  /** Why what lies in its place is none, where that is so. */
  readonly forkProofFault: string | undefined;
  /** A newer generation is being fetched, or was left half fetched. */
  readonly isFetching: boolean;
  /** What the publisher says a generation was made from, and whether that is the newest one. */
  readonly provenance: (Provenance & { readonly isCurrent: boolean }) | undefined;
};

/** What a mirror holds that holds only some values (R18). */
export type ValueFacts = {
  /** Which are wanted. */
  readonly mode: ValueMode;
  /** When that was chosen. */
  readonly since: Micros;
  /** Records whose value is held, and records whose value is not wanted. */
  readonly held: number;
  readonly leftOut: number;
  /** The oldest and the newest `timestamp` of a record whose value is held; none of the protocol's own. */
  readonly from: Micros | undefined;
  readonly to: Micros | undefined;
};

/** The records of one type. */
export type TypeFacts = { readonly type: string; readonly records: number; readonly bytes: number };

/** One record as `ls` shows it. */
export type ListedRecord = {
  readonly type: string;
  readonly key: string;
  readonly id: number;
  readonly hash: Uint8Array;
  /** A file's own modification time, any other record's timestamp. */
  readonly time: Micros;
  readonly modified: Micros;
  /** Bytes as stored, compressed for most files; undefined when the value is not held. */
  readonly storedBytes: number | undefined;
  /** Bytes of a file's content; undefined for other types and where the value is not held. */
  readonly contentBytes: number | undefined;
};

/** Runs `body` with a reader of the stream file and closes it. */
export function withReader<T>(path: string, body: (reader: StreamReader) => T): T {
  const reader = openReader(path);
  try {
    return body(reader);
  } finally {
    reader.close();
  }
}

/** Reads whose stream a file is. */
export function readStreamId(path: string): { id: string; publicKey: Uint8Array } {
  return withReader(path, ({ id, publicKey }) => ({ id, publicKey }));
}

/**
 * Reads everything `info` tells; looks at every record once, at no value.
 *
 * @param keyFile - where the secret key would be
 */
export function readStreamFacts(path: string, keyFile: string = keyPathOf(path)): StreamFacts {
  return withReader(path, (reader) => reader.reading(() => collectFacts(reader, keyFile)));
}

/** Lists the records of a type, ordered by key. */
export function listRecords(reader: StreamReader, type: string): ListedRecord[] {
  return reader.reading(() =>
    [...reader.entries({ type })].map((record) => describeRecord(reader, record)),
  );
}

function collectFacts(reader: StreamReader, keyFile: string): StreamFacts {
  const types = new Map<string, { records: number; bytes: number }>();
  const held: SignedRecord[] = [];
  const missing: SignedRecord[] = [];
  for (const record of reader.entries()) {
    const sum = types.get(record.type) ?? { records: 0, bytes: 0 };
    const size = reader.valueSize(record);
    (size === undefined ? missing : held).push(record);
    types.set(record.type, { records: sum.records + 1, bytes: sum.bytes + (size ?? 0) });
  }
  const wanted = wantedOf(reader, held, missing);
  const generation = reader.generation();
  const hasKey = existsSync(keyFile);
  const list = [...types].map(([type, sums]) => ({ type, ...sums }));
  return {
    path: reader.path,
    id: reader.id,
    publicKey: reader.publicKey,
    generation,
    types: list.sort((a, b) => b.records - a.records || (a.type < b.type ? -1 : 1)),
    wanted: wanted.map(({ type, key }) => ({ type, key })),
    values: valueFacts(reader, { held, leftOut: missing.length - wanted.length }),
    bytes: list.reduce((sum, { bytes }) => sum + bytes, 0),
    keyPath: hasKey ? keyFile : undefined,
    isComplete: hasKey ? undefined : readTrust(trustPathOf(reader.path))?.tip === generation.tip,
    signatures: signatureStateOf(reader),
    isBehindMark: isBehindMark(reader.path, generation),
    ...forkProofFacts(reader),
    isFetching: existsSync(partPathOf(reader.path)),
    provenance: readProvenance(reader, generation),
  };
}

function forkProofFacts({
  path,
  publicKey,
}: StreamReader): Pick<StreamFacts, 'forkProofPath' | 'forkProofFault'> {
  const none = { forkProofPath: undefined, forkProofFault: undefined };
  const proofPath = forkProofPathOf(path);
  try {
    const proof = readForkProof(path);
    if (proof === undefined) return none;
    if (isForkProof(proof, publicKey)) return { ...none, forkProofPath: proofPath };
    return { ...none, forkProofFault: `${proofPath}: expected a proof of two histories, got none` };
  } catch (error) {
    if (isDrayerError(error, 'STORAGE_FAILED')) return { ...none, forkProofFault: error.message };
    throw error;
  }
}

/** What of the missing values the mirror's mode wants. */
function wantedOf(
  reader: StreamReader,
  held: readonly SignedRecord[],
  missing: readonly SignedRecord[],
): readonly SignedRecord[] {
  const kept = heldModeOf(reader);
  if (kept === undefined) return missing;
  // Then exactly those are held that are wanted, also where that depends on a size.
  if (kept.settled === reader.view.modifiedTip()) return [];
  const wanted = wantedHashes(kept.mode, [...held, ...missing]);
  return missing.filter(({ hash }) => wanted.has(nameOfHash(hash)));
}

function valueFacts(
  reader: StreamReader,
  { held, leftOut }: { readonly held: readonly SignedRecord[]; readonly leftOut: number },
): ValueFacts | undefined {
  const kept = heldModeOf(reader);
  if (kept === undefined) return undefined;
  const { mode, since } = kept;
  let [from, to]: (Micros | undefined)[] = [];
  for (const { type, timestamp } of held) {
    if (type === PROTOCOL_TYPE) continue;
    from = Math.min(from ?? timestamp, timestamp);
    to = Math.max(to ?? timestamp, timestamp);
  }
  return { mode, since, held: held.length, leftOut, from, to };
}

function readProvenance(
  reader: StreamReader,
  { tip, snapshotRecord }: Generation,
): StreamFacts['provenance'] {
  const record = reader.findRecord(PROTOCOL_TYPE, PROVENANCE_KEY);
  const value = record && reader.readValue(record);
  const said = value && decodeProvenance(value);
  if (record === undefined || said === undefined) return undefined;
  // It is the last record of its batch, but for the anchor and the snapshot.
  const anchor = reader.findRecord(PROTOCOL_TYPE, ANCHOR_KEY);
  const last = snapshotRecord?.modified === tip ? snapshotRecord.prevChange : tip;
  const place = anchor?.modified === last ? anchor.prevChange : last;
  return { ...said, isCurrent: record.modified === place };
}

function isBehindMark(path: string, generation: Generation): boolean {
  try {
    return isBehind(generation, readMark(markPathOf(path)));
  } catch (error) {
    // One that cannot be understood keeps the key from signing just as well.
    if (isDrayerError(error, 'STREAM_BEHIND_MARK')) return true;
    throw error;
  }
}

function describeRecord(reader: StreamReader, record: SignedRecord): ListedRecord {
  const { type, key, id, hash, modified, timestamp } = record;
  const storedBytes = reader.valueSize(record);
  const file = type === 'file' ? readFileFacts(reader, record, storedBytes) : undefined;
  return {
    type,
    key,
    id,
    hash,
    time: file?.time ?? timestamp,
    modified,
    storedBytes,
    contentBytes: file?.contentBytes,
  };
}

/** From the two ends of the value: the header at its start, the length that ends every gzip stream. */
function readFileFacts(
  reader: StreamReader,
  record: SignedRecord,
  size: number | undefined,
): { time: Micros; contentBytes: number } | undefined {
  if (size === undefined || size < 4) return undefined;
  const start = reader.readValueSlice(record, 0, 4 + MAX_HEADER_BYTES);
  const end = reader.readValueSlice(record, size - 4, size);
  if (start === undefined || end === undefined) return undefined;
  try {
    const time = decodeFile(start).timeMicros;
    const contentBytes = new DataView(end.buffer, end.byteOffset, 4).getUint32(0, true);
    return { time, contentBytes };
  } catch (error) {
    // R24: an error for that file alone; the list shows what is stored.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return undefined;
    throw error;
  }
}
