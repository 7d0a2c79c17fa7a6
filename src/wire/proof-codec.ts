/**
 * A proof on the wire (R23): the map `{snapshot, record, path}` for a record that is there,
 * `{snapshot, neighbour, path}` for one that is not; `path` is a list of `[bit, sibling]`.
 * Decoding checks the form only: what it proves is checked by `checkProof` and the snapshot's signature.
 */
import { DrayerError } from '../core/errors.ts';
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import type { Proof, ProofStep } from '../core/proof.ts';
import { type Draft, HASH_BYTES, type SignedRecord } from '../core/record.ts';
import { POSITION_BITS } from '../core/trie-hash.ts';
import { encodeRecord, readFields } from './record-codec.ts';
import type { WireRecord } from './record-fields.ts';

/** A record, or its absence, with what proves it. */
export type ProofBody<R extends SignedRecord = SignedRecord> = {
  /** The snapshot record, with its value. */
  readonly snapshot: R;
  /** The record that was asked for; undefined when there is none. */
  readonly record: R | undefined;
  /** `leaf` is that record, or its neighbour. */
  readonly proof: Proof;
};

/** Returns a proof as it is sent; `publicKey` is the stream's. */
export function encodeProof(body: ProofBody, publicKey: Uint8Array): Uint8Array {
  const { snapshot, record, proof } = body;
  const neighbour = record === undefined ? proof.leaf : undefined;
  const writer = new MsgpackWriter(1024 + (record?.value?.length ?? 0));
  writer.map(record === undefined && neighbour === undefined ? 2 : 3);
  writer.str('snapshot').raw(encodeRecord(snapshot, publicKey));
  if (record !== undefined) writer.str('record').raw(encodeRecord(record, publicKey));
  if (neighbour !== undefined) writeNeighbour(writer.str('neighbour'), neighbour);
  writer.str('path').array(proof.path.length);
  for (const { bit, sibling } of proof.path) writer.array(2).int(bit).bin(sibling);
  return writer.finish();
}

/**
 * Reads a proof.
 *
 * @throws {DrayerError} MALFORMED when it has not the form of one
 */
export function decodeProof(body: Uint8Array): ProofBody<WireRecord> {
  const reader = new MsgpackReader(body);
  const parts: Parts = {};
  for (let left = reader.map(); left > 0; left -= 1) readPart(reader, parts);
  reader.end();
  const { snapshot, record, neighbour, path } = parts;
  if (snapshot === undefined || path === undefined) {
    throw new DrayerError('MALFORMED', 'proof: expected a snapshot and a path');
  }
  if (record !== undefined && neighbour !== undefined) {
    throw new DrayerError('MALFORMED', 'proof: expected a record or a neighbour, got both');
  }
  return { snapshot, record, proof: { path, leaf: record ?? neighbour } };
}

type Parts = {
  snapshot?: WireRecord;
  record?: WireRecord;
  neighbour?: Draft;
  path?: readonly ProofStep[];
};

function readPart(reader: MsgpackReader, parts: Parts): void {
  const name = reader.text();
  if (Object.hasOwn(parts, name)) throw new DrayerError('MALFORMED', `proof: ${name} comes twice`);
  if (name === 'snapshot' || name === 'record') parts[name] = readFields(reader, 1).record();
  else if (name === 'neighbour') parts.neighbour = readFields(reader, 1).draft();
  else if (name === 'path') parts.path = readPath(reader);
  else reader.skip(2);
}

function readPath(reader: MsgpackReader): readonly ProofStep[] {
  const size = reader.array();
  if (size > POSITION_BITS) {
    throw new DrayerError(
      'MALFORMED',
      `proof: expected at most ${POSITION_BITS} steps, got ${size}`,
    );
  }
  return Array.from({ length: size }, () => readStep(reader));
}

function readStep(reader: MsgpackReader): ProofStep {
  const size = reader.array();
  if (size !== 2) throw new DrayerError('MALFORMED', `proof: expected [bit, sibling], got ${size}`);
  const bit = reader.int();
  const sibling = reader.bytes();
  if (sibling.length === HASH_BYTES) return { bit, sibling };
  throw new DrayerError('MALFORMED', `proof: expected 32 bytes, got ${sibling.length}`);
}

// Only what its leaf hash covers counts; it is not signed for its own sake.
function writeNeighbour(writer: MsgpackWriter, leaf: Draft): void {
  writer.map(8).str('hash').bin(leaf.hash).str('type').str(leaf.type).str('key').str(leaf.key);
  writer.str('id').int(leaf.id).str('prev').int(leaf.prev).str('prevch').int(leaf.prevChange);
  writer.str('ts').int(leaf.timestamp).str('mod').int(leaf.modified);
}
