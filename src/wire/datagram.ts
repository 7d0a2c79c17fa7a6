/**
 * What tells others of a new generation (PROTOCOL.md §10 and `newRecordAvailable` in §6): a record without
 * its value, with what it takes to check its signature and to ask the sender for more. Building only: who
 * takes one over HTTP reads it as a record, which ignores what a datagram has besides.
 */
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import type { SignedRecord } from '../core/record.ts';

/** The first bytes of every datagram. */
const MAGIC = Uint8Array.of(0xab, 0xc1, 0x61, 0x29);
/** Largest datagram, bytes, magic included. */
const MOST_BYTES = 2048;

/** Who sends it. */
export type Sender = {
  /** Of the stream, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Port of the sender's HTTP server, 0 for none. */
  readonly httpPort: number;
};

/** Returns a `record` message: every field of the record but its value. */
export function encodeRecordMessage(record: SignedRecord, sender: Sender): Uint8Array {
  const { publicKey, httpPort } = sender;
  const writer = new MsgpackWriter(384).map(12).str('mtype').str('record');
  writer.str('hash').bin(record.hash).str('key').str(record.key).str('id').int(record.id);
  writer.str('sig').bin(record.signature);
  writer.str('prev').int(record.prev).str('prevch').int(record.prevChange);
  writer.str('mod').int(record.modified).str('httpport').int(httpPort);
  writer.str('chain').bin(publicKey);
  // Originals send neither, so nobody can check their signature; they ignore both.
  writer.str('type').str(record.type).str('ts').int(record.timestamp);
  return writer.finish();
}

/** Returns the datagram of a record: whole, or where that is too long only what an original reads of it. */
export function encodeRecordDatagram(record: SignedRecord, sender: Sender): Uint8Array {
  const whole = encodeRecordMessage(record, sender);
  if (MAGIC.length + whole.length <= MOST_BYTES) return withMagic(whole);
  const writer = new MsgpackWriter().map(4).str('mtype').str('record');
  writer.str('mod').int(record.modified).str('httpport').int(sender.httpPort);
  return withMagic(writer.str('chain').bin(sender.publicKey).finish());
}

function withMagic(message: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(MAGIC.length + message.length);
  datagram.set(MAGIC);
  datagram.set(message, MAGIC.length);
  return datagram;
}
