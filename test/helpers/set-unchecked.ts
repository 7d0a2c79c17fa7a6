/** A small stream, the note that its signatures are still to be checked without a mirror that has left it, a wrong one. */
import { withReader } from '../../src/daemon/stream-facts.ts';
import { connect } from '../../src/store/database.ts';
import { LocalAttributes } from '../../src/store/local-attributes.ts';
import {
  formatUnchecked,
  UNCHECKED_ATTRIBUTE,
  type Unchecked,
  uncheckedOf,
} from '../../src/store/unchecked.ts';
import { KEY_A } from './keys.ts';
import type { Scope } from './scope.ts';
import { newStream, rawDatabase } from './store.ts';

/** Makes a stream of two generations, with `a` and `b`; returns its path. */
export function makeStream(t: Scope, name: string): string {
  const stream = newStream(t, name, { secretKey: KEY_A.secretKey });
  stream.set('a', 1).set('b', 2);
  stream.close();
  return stream.path;
}

/** Gives `a` another signature, by default a wrong one. */
export function breakSignature(
  t: Scope,
  path: string,
  signature: Uint8Array = new Uint8Array(64),
): void {
  const database = rawDatabase(t, path);
  database.prepare("UPDATE record SET signature = ? WHERE key = 'a'").run(signature);
  database.close();
}

/** What stands in the file. */
export function factOf(path: string): Unchecked | undefined {
  return withReader(path, uncheckedOf);
}

/** Puts it there, or takes it away. */
export function setUnchecked(path: string, unchecked: Unchecked | undefined): void {
  const connection = connect(path);
  try {
    const text = unchecked && formatUnchecked(unchecked);
    new LocalAttributes(connection).set(UNCHECKED_ATTRIBUTE, text);
  } finally {
    connection.close();
  }
}
