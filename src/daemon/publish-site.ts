/**
 * One publish from a folder, all of it: the stream is found or made, opened with the right key, made
 * equal to the folder, and closed. A dry run makes nothing, not even the stream.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ConfiguredBuild } from '../config/load-config.ts';
import { isDrayerError } from '../core/errors.ts';
import type { PrimaryServer } from '../files/values.ts';
import type { PushOptions, PushReport } from '../mirror/push-stream.ts';
import { prepareSite } from '../publish/prepare-site.ts';
import { type PublishOptions, type PublishReport, publishDirectory } from '../publish/publisher.ts';
import { resolveSiteDirectory, streamPathOf } from '../publish/site-directory.ts';
import { createStream, openStream } from '../store/open-stream.ts';
import type { Stream } from '../store/stream.ts';
import { hasFile } from '../store/stream-file.ts';
import { checkKeyUse, checkNoTwin, checkRestored, checkUnused, noteKeyUse } from './key-use.ts';

/** Which folder goes into which stream, with which key. */
export type Site = {
  readonly directory: string;
  /** What makes the folder, where that is to be done before; see `buildSites`. */
  readonly build?: ConfiguredBuild | undefined;
  /** Default: `NAME.stream` beside the folder. */
  readonly streamPath?: string | undefined;
  /** Default: the key file beside the stream, made with it. */
  readonly secretKey?: Uint8Array | undefined;
  /** The file it came from, absolute; undefined where it came as a text. */
  readonly keyPath?: string | undefined;
  /** The owner says that nothing was ever signed with the key that is there. */
  readonly unusedKey?: boolean | undefined;
  /** The servers the stream should name; undefined leaves what it names. */
  readonly servers?: readonly string[] | undefined;
  /** How long visitors may take it for fresh, in micros, 0 for ever; as it was before by default (R20). */
  readonly lifetimeMicros?: number | undefined;
  /** The server the stream is on: it is written there, and only there. */
  readonly to?: string | undefined;
};

/** What a publish to a server is told besides. */
export type RemoteOptions = Pick<PushOptions, 'token' | 'dataDir'> & {
  /** Folder of `drayer.lock`; the one the site's folder lies in by default. */
  readonly lockFolder?: string | undefined;
};

/** Options of {@link publishSite}. */
export type PublishSiteOptions = PublishOptions &
  RemoteOptions & {
    /** Called when a key file was made, also where the publish fails after that. */
    readonly onNewKey?: ((path: string) => void) | undefined;
  };

/** What the publish of a folder did. */
export type PublishedSite = {
  /** Absolute; where the stream would be, after a dry run. */
  readonly streamPath: string;
  /** Base64; undefined after a dry run that found no stream. */
  readonly id: string | undefined;
  readonly publicKey: Uint8Array | undefined;
  /** The key file that was made now, undefined when there was one or one was given. */
  readonly newKeyPath: string | undefined;
  readonly gitignoreUpdated: string | undefined;
  readonly report: PublishReport;
  /** The servers the stream names now, where that has changed; after a dry run, would change. */
  readonly servers?: readonly string[] | undefined;
  /** The servers the stream names now. */
  readonly primaryServers: readonly PrimaryServer[];
  /** What was sent to the server the stream is on, where it is on one. */
  readonly push?: PushReport | undefined;
};

/**
 * Publishes a folder.
 *
 * @throws {DrayerError} what {@link prepareSite} and {@link publishDirectory} throw
 */
export async function publishSite(
  site: Site,
  options: PublishSiteOptions = {},
): Promise<PublishedSite> {
  const { directory, secretKey, keyPath, unusedKey, lifetimeMicros, to } = site;
  if (to !== undefined)
    return (await import('./publish-to.ts')).publishTo({ ...site, to }, options);
  const streamPath =
    site.streamPath === undefined ? streamPathOf(directory) : resolve(site.streamPath);
  if (options.dryRun && !hasFile(streamPath)) return rehearse(site, streamPath, options);

  await checkGivenKey(site, streamPath);
  const prepared = prepareSite(directory, { streamPath: site.streamPath, secretKey, unusedKey });
  const newKeyPath = prepared.keyCreated ? prepared.keyPath : undefined;
  if (newKeyPath !== undefined) options.onNewKey?.(newKeyPath);
  // Kept in the file, which a dry run leaves as it is.
  const lifetime = options.dryRun ? {} : { lifetimeMicros };
  const stream = openStream(prepared.streamPath, { secretKey, ...lifetime });
  try {
    if (keyPath !== undefined && !unusedKey) {
      checkKeyUse(prepared.streamPath, keyPath, stream.reader.generation());
    }
    const published = await publishDirectory(directory, stream, { ...options, secretKey });
    const servers = await nameServers(stream, site.servers, options.dryRun);
    const isNewer = servers !== undefined && !options.dryRun;
    const report = isNewer
      ? { ...published, wrote: true, generation: stream.reader.generation() }
      : published;
    if (keyPath !== undefined && !options.dryRun) {
      noteKeyUse(prepared.streamPath, keyPath, stream.reader.generation());
    }
    return {
      streamPath: prepared.streamPath,
      id: stream.id,
      publicKey: stream.publicKey,
      newKeyPath,
      gitignoreUpdated: prepared.gitignoreUpdated,
      report,
      servers,
      primaryServers: serversOf(stream),
    };
  } finally {
    stream.close();
  }
}

function serversOf(stream: Stream): PrimaryServer[] {
  try {
    return stream.getPrimaryServers();
  } catch (error) {
    // What another program wrote there is no reason to fail when all is published.
    if (isDrayerError(error)) return [];
    throw error;
  }
}

/** After the files, in a generation of its own, since it is seldom that anything changes. */
async function nameServers(
  stream: Stream,
  servers: readonly string[] | undefined,
  isDry = false,
): Promise<readonly string[] | undefined> {
  if (servers === undefined) return undefined;
  const { hasServers, replaceServers, serverUrls } = await import('./edit-servers.ts');
  if (hasServers(stream.reader, servers)) return undefined;
  if (isDry) return serverUrls(servers);
  stream.transaction((tx) => replaceServers(tx, stream.reader, servers));
  return stream.getPrimaryServers().map(({ url }) => url);
}

async function checkGivenKey(site: Site, streamPath: string): Promise<void> {
  const { secretKey, keyPath, unusedKey } = site;
  if (secretKey === undefined) return;
  if (hasFile(streamPath)) {
    if (keyPath !== undefined && !unusedKey) checkRestored(streamPath, keyPath);
    return;
  }
  if (!unusedKey) checkUnused(streamPath, keyPath);
  await checkNoTwin(streamPath, secretKey);
}

/** A first publish that is only looked at: into a stream that is thrown away. */
async function rehearse(
  { directory, servers }: Site,
  streamPath: string,
  options: PublishOptions,
): Promise<PublishedSite> {
  // Before a folder is made for nothing.
  resolveSiteDirectory(directory);
  const folder = await mkdtemp(join(tmpdir(), 'drayer-dry-run-'));
  const stream = createStream(join(folder, 'dry-run.stream'));
  try {
    const report = await publishDirectory(directory, stream, options);
    return {
      streamPath,
      id: undefined,
      publicKey: undefined,
      newKeyPath: undefined,
      gitignoreUpdated: undefined,
      report,
      servers: await nameServers(stream, servers, true),
      primaryServers: [],
    };
  } finally {
    stream.close();
    await rm(folder, { recursive: true });
  }
}
