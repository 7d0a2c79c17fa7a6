import type { SignedRecord } from '../../src/core/record.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from '../../src/mirror/mirror.ts';
import { keyPathOf, readKeyFile } from '../../src/store/key-file.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { type Unchecked, uncheckedOf } from '../../src/store/unchecked.ts';
import { proxyPeer } from '../helpers/proxy-peer.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import type { Scope } from '../helpers/scope.ts';
import { changeRecords, wronglySigned } from '../helpers/tampered-records.ts';

/** So many records that their signatures may be left for later. */
export const MANY = 400;

/** A publisher behind a proxy, and how to mirror it. */
export type ManyMirrored = {
  readonly published: Published;
  readonly path: string;
  run(options: Partial<MirrorOptions>): Promise<MirrorReport>;
};

/** Publishes many records; `run` mirrors them. */
export async function setUp(
  t: Scope,
  {
    records = MANY,
    name = 'own',
    snapshots = true,
    valueBytes = 300,
  }: { records?: number; name?: string; snapshots?: boolean; valueBytes?: number } = {},
): Promise<ManyMirrored> {
  const published = await publish(t, { name, snapshots });
  published.stream.transaction((tx) => {
    for (let i = 0; i < records; i += 1) tx.setBytes('file', `f${i}`, noise(valueBytes, i));
  });
  const path = t.path(`mirror of ${name}.stream`);
  const { publicKey } = published.stream;
  const run = (options: Partial<MirrorOptions>) =>
    mirrorStream({ url: published.peer.url, publicKey, path, ...options });
  return { published, path, run };
}

/** Changes the signature of one record. */
export function wrongAt(id: number): (record: SignedRecord) => SignedRecord {
  return (record) => (record.id === id ? wronglySigned(record) : record);
}

/** All records of a file, without values. */
export function versionsOf(path: string): readonly SignedRecord[] {
  const reader = openReader(path);
  try {
    return reader.recordsSince(0, Number.MAX_SAFE_INTEGER);
  } finally {
    reader.close();
  }
}

/** The key of a published stream. */
export function secretOf({ path }: Published): Uint8Array {
  return readKeyFile(keyPathOf(path));
}

/** In front of a server: changes each record, and counts what it is asked. */
export async function proxyOf(
  t: Scope,
  { port, publicKey }: { readonly port: number; readonly publicKey: Uint8Array },
  change: (record: SignedRecord) => SignedRecord,
): Promise<string> {
  const peer = await proxyPeer(t, port);
  peer.tamper(changeRecords(publicKey, change));
  return peer.url;
}

/** What a mirror's file says of its signatures. */
export function factOf(path: string): Unchecked | undefined {
  const reader = openReader(path);
  try {
    return uncheckedOf(reader);
  } finally {
    reader.close();
  }
}
