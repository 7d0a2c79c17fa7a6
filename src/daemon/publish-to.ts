/**
 * A folder published to a server that has the stream (PROTOCOL.md §8), from a machine that needs the key
 * and the folder and nothing else. A stream file that is there follows.
 */

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { hash } from '#crypto';
import type { Put } from '../core/batch.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import {
  bytesEqual,
  PRIMARY_SERVERS_KEY,
  PROTOCOL_TYPE,
  type SignedRecord,
} from '../core/record.ts';
import { decodePrimaryServers, type PrimaryServer } from '../files/values.ts';
import { recordsOf } from '../mirror/push-state.ts';
import {
  type PushChange,
  type PushedStream,
  type PushOptions,
  type PushReport,
  pushStream,
} from '../mirror/push-stream.ts';
import { recoverStream } from '../mirror/recover.ts';
import { addProvenance } from '../publish/add-provenance.ts';
import { compareSite, type SiteComparison } from '../publish/compare-site.ts';
import type { PublishOptions, PublishReport } from '../publish/publisher.ts';
import { resolveSiteDirectory, streamPathOf } from '../publish/site-directory.ts';
import { ownFilesOf } from '../publish/stream-files.ts';
import { keyPathOf, publicKeyOf, readKeyFile } from '../store/key-file.ts';
import { openReader } from '../store/open-reader.ts';
import { hasFile } from '../store/stream-file.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import { replacedServers } from './edit-servers.ts';
import type { PublishedSite, RemoteOptions, Site } from './publish-site.ts';

/** Which folder goes into which stream, on which server. */
export type RemoteSite = Omit<Site, 'build' | 'to'> & {
  /** Address of the server. */
  readonly to: string;
};

/** Options of {@link publishTo}. */
export type PublishToOptions = Omit<PublishOptions, 'begun' | 'secretKey'> &
  RemoteOptions &
  Pick<PushOptions, 'limits' | 'now' | 'onStep' | 'retryMs'>;

/** What {@link publishTo} did. */
export type RemotePublished = PublishedSite & {
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly push: PushReport;
};

/** Name of the lock file. */
export const LOCK_NAME = 'drayer.lock';

/**
 * Publishes a folder to a server.
 *
 * @throws {DrayerError} what {@link publishDirectory} and {@link pushStream} throw
 * @throws {DrayerError} KEY_NOT_FOUND when no key was given and none lies beside the stream
 * @example
 * const { report } = await publishTo({ directory: './dist', to: 'https://primary.example', secretKey });
 */
export async function publishTo(
  site: RemoteSite,
  options: PublishToOptions = {},
): Promise<RemotePublished> {
  const root = resolveSiteDirectory(site.directory);
  const streamPath = resolve(site.streamPath ?? streamPathOf(root));
  const { secretKey, keyPath } = keyOf(site, streamPath);
  const publicKey = publicKeyOf(secretKey);
  const lockPath = join(options.lockFolder ?? dirname(root), LOCK_NAME);
  const own = isStreamOf(streamPath, publicKey) ? streamPath : undefined;
  const ownFiles = [lockPath, ...(existsSync(dirname(streamPath)) ? ownFilesOf(streamPath) : [])];
  if (keyPath !== undefined) ownFiles.push(keyPath);

  let found: Found | undefined;
  const push = await pushStream(
    {
      ...options,
      url: site.to,
      secretKey,
      keyPath,
      unusedKey: site.unusedKey,
      lifetimeMicros: site.lifetimeMicros || undefined,
      lockPath,
      streamPath: own,
    },
    async (held) => {
      const served = servedFiles(held, publicKey);
      const comparison = await compareSite(root, served, { ...options, secretKey, ownFiles });
      found = await changeOf(held, comparison, { ...site, ...options });
      return found.change;
    },
  );
  if (found === undefined) throw new DrayerError('INTERNAL', 'nothing was compared');
  if (own !== undefined && !options.dryRun)
    await follow(own, site.to, { secretKey, keyPath, push });
  const { named, servers } = found;
  const isNamed = push.wrote && named !== undefined;
  return {
    id: Buffer.from(publicKey).toString('base64'),
    publicKey,
    streamPath,
    newKeyPath: undefined,
    gitignoreUpdated: undefined,
    report: reportOf(found.comparison, push),
    servers: isNamed ? servers.map(({ url }) => url) : undefined,
    primaryServers: servers,
    push,
  };
}

type Found = {
  readonly comparison: SiteComparison;
  readonly change: PushChange;
  /** The value that names other servers than before, if any; empty where it names none. */
  readonly named: Uint8Array | undefined;
  /** Those the stream names with it. */
  readonly servers: readonly PrimaryServer[];
};

function keyOf(
  { secretKey, keyPath }: RemoteSite,
  streamPath: string,
): { secretKey: Uint8Array; keyPath: string | undefined } {
  if (secretKey !== undefined) return { secretKey, keyPath };
  const beside = keyPathOf(streamPath);
  try {
    return { secretKey: readKeyFile(beside), keyPath: beside };
  } catch (cause) {
    if (!isDrayerError(cause, 'KEY_NOT_FOUND')) throw cause;
    throw new DrayerError('KEY_NOT_FOUND', `${beside}: there is no key to publish with`, {
      cause,
      hint: 'give it in DRAYER_KEY, in a file that DRAYER_KEY_FILE or --key-file names, or with --key-stdin; a new one: drayer key new FILE',
    });
  }
}

function isStreamOf(path: string, publicKey: Uint8Array): boolean {
  if (!hasFile(path)) return false;
  const reader = openReader(path);
  try {
    return bytesEqual(reader.publicKey, publicKey);
  } finally {
    reader.close();
  }
}

function servedFiles(held: PushedStream, publicKey: Uint8Array) {
  const records = new Map<string, SignedRecord>();
  for (const { id, type, key } of recordsOf(held.view)) {
    // R10: of two with one name the first counts.
    const [record] = type === FILE_TYPE ? held.view.byKey(type, key) : [];
    if (record?.id === id) records.set(key, record);
  }
  return {
    publicKey,
    records,
    headOf: (record: SignedRecord) => held.heads.get(record.id),
    readValue: (digest: Uint8Array) => held.readValue(digest),
  };
}

async function changeOf(
  held: PushedStream,
  comparison: SiteComparison,
  { servers, provenance }: Pick<RemoteSite, 'servers'> & Pick<PublishOptions, 'provenance'>,
): Promise<Found> {
  const values = new Map<string, Uint8Array>();
  const keep = (digest: Uint8Array, value: Uint8Array): void => {
    values.set(Buffer.from(digest).toString('hex'), value);
  };
  const puts: Put[] = comparison.fresh.map(({ key, hash: digest }) => {
    return { type: FILE_TYPE, key, hash: digest };
  });
  const deletes = comparison.removed.map((key) => ({ type: FILE_TYPE, key }));
  const before = await heldServers(held);
  const named = servers && replacedServers(before, servers);
  const name = { type: PROTOCOL_TYPE, key: PRIMARY_SERVERS_KEY };
  if (named !== undefined && named.length > 0) {
    const digest = hash(named);
    keep(digest, named);
    puts.push({ ...name, hash: digest });
  } else if (named !== undefined) deletes.push(name);
  const batch = addProvenance({ puts, deletes }, provenance, keep);
  const readValue = (digest: Uint8Array): Uint8Array | undefined =>
    values.get(Buffer.from(digest).toString('hex')) ?? comparison.readValue(digest);
  return {
    comparison,
    change: { ...batch, readValue },
    named,
    servers: serversIn(named ?? before),
  };
}

async function heldServers(held: PushedStream): Promise<Uint8Array | undefined> {
  const [record] = held.view.byKey(PROTOCOL_TYPE, PRIMARY_SERVERS_KEY);
  const head = record && held.heads.get(record.id);
  // Most lists are no longer than what came along.
  if (head !== undefined && bytesEqual(hash(head), record?.hash ?? head)) return head;
  return record && held.readValue(record.hash);
}

function serversIn(value: Uint8Array | undefined): PrimaryServer[] {
  return value === undefined || value.length === 0 ? [] : decodePrimaryServers(value);
}

function reportOf(comparison: SiteComparison, { generation, wrote }: PushReport): PublishReport {
  const { fresh: _, readValue: __, ...rest } = comparison;
  return { ...rest, generation, wrote };
}

/** Brings this machine's own stream file to what the server has now. */
async function follow(
  path: string,
  url: string,
  {
    secretKey,
    keyPath,
    push,
  }: { secretKey: Uint8Array; keyPath: string | undefined; push: PushReport },
): Promise<void> {
  const reader = openReader(path);
  const { tip } = reader.generation();
  reader.close();
  if (tip !== push.generation.tip) await recoverStream(path, url, { secretKey, keyPath });
}
