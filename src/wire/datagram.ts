/**
 * The two messages of a local network (PROTOCOL.md §10), and the one of them that `newRecordAvailable` (§6)
 * takes too: a record without its value, with what it takes to check its signature and to ask the sender
 * for more. Who takes one over HTTP reads it as a record, which ignores what a datagram has besides.
 */
import { isDrayerError } from '../core/errors.ts';
import { MsgpackReader } from '../core/msgpack-reader.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { type Datagram, DatagramFields } from './datagram-fields.ts';

export type { Datagram };

/** Largest datagram, bytes, magic included. */
export const DATAGRAM_BYTES = 2048;
/** A request is filled up to so many bytes, so that a whole record may come as the answer. */
const REQUEST_BYTES = 128;
/** The first bytes of every datagram. */
const MAGIC = Uint8Array.of(0xab, 0xc1, 0x61, 0x29);

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
export function encodeRecordDatagram(
  record: SignedRecord,
  sender: Sender,
  mostBytes: number = DATAGRAM_BYTES,
): Uint8Array {
  const whole = encodeRecordMessage(record, sender);
  if (MAGIC.length + whole.length <= mostBytes) return withMagic(whole);
  const writer = new MsgpackWriter().map(4).str('mtype').str('record');
  writer.str('mod').int(record.modified).str('httpport').int(sender.httpPort);
  return withMagic(writer.str('chain').bin(sender.publicKey).finish());
}

/**
 * Returns the datagram that asks for what is newer than `time`.
 *
 * @param time - our modified tip; 0 where we have nothing
 */
export function encodeRequestDatagram(publicKey: Uint8Array, time: Micros): Uint8Array {
  const fields = new MsgpackWriter(REQUEST_BYTES).str('mtype').str('getRecordsSince');
  const asked = fields.str('chain').bin(publicKey).str('time').int(time).str('pad').finish();
  // What is left, less one byte for the map and two that say how long the filling is.
  const rest = REQUEST_BYTES - MAGIC.length - asked.length - 3;
  return withMagic(new MsgpackWriter().map(4).raw(asked).bin(new Uint8Array(rest)).finish());
}

/**
 * Reads a datagram as the original does: fields nobody knows are passed over, numbers may be floats. Keeps
 * nothing of `bytes`. What is none is no error: everybody on a network may send anything.
 *
 * @returns undefined for anything that is none
 */
export function decodeDatagram(bytes: Uint8Array): Datagram | undefined {
  if (bytes.length > DATAGRAM_BYTES || !MAGIC.every((byte, at) => bytes[at] === byte)) {
    return undefined;
  }
  try {
    const reader = new MsgpackReader(bytes, MAGIC.length);
    const fields = new DatagramFields(bytes);
    for (let left = reader.map(); left > 0; left -= 1) fields.take(reader);
    reader.end();
    return fields.datagram();
  } catch (error) {
    if (isDrayerError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

function withMagic(message: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(MAGIC.length + message.length);
  datagram.set(MAGIC);
  datagram.set(message, MAGIC.length);
  return datagram;
}
