/**
 * The public API of drayer, in the order in which one meets it. Everything else is internal and may
 * change without notice.
 */

export type { DrayerConfig, StreamConfig } from './config/config-schema.ts';
export type { CreatedProject, CreateProjectOptions } from './config/create-project.ts';
export { createProject } from './config/create-project.ts';
export { defineConfig } from './config/define-config.ts';
export type { Config, ConfiguredStream, LoadConfigOptions } from './config/load-config.ts';
export { loadConfig } from './config/load-config.ts';
export { listTemplates } from './config/templates.ts';
export type { ErrorCode, ErrorDetail } from './core/errors.ts';
export { DrayerError, isDrayerError } from './core/errors.ts';
export type { Draft, Micros, SignedRecord } from './core/record.ts';
export { verifyRecord } from './core/signing.ts';
export type { Snapshot } from './core/snapshot.ts';
export type { Spelling } from './core/stream-id.ts';
export { formatStreamId, parseStreamId } from './core/stream-id.ts';
export type { Daemon, DaemonOptions, ServedStream } from './daemon/daemon.ts';
export { startDaemon } from './daemon/daemon.ts';
export type { PublishedSite, RemoteOptions } from './daemon/publish-site.ts';
export type { PublishToOptions, RemotePublished, RemoteSite } from './daemon/publish-to.ts';
export { publishTo } from './daemon/publish-to.ts';
export type { Discovery, DiscoveryEvent, NearbyStream } from './discovery/discovery.ts';
export type { FindOnLanOptions } from './discovery/find-on-lan.ts';
export { findOnLan } from './discovery/find-on-lan.ts';
export type { LanDiscoveryOptions, OwnStream } from './discovery/lan-discovery.ts';
export { LanDiscovery } from './discovery/lan-discovery.ts';
export type { EncodeFileOptions, FileValue } from './files/file-record.ts';
export { decodeFile, encodeFile, inflateFile } from './files/file-record.ts';
export type { StreamLink } from './files/stream-link.ts';
export { formatStreamLink, parseStreamLink } from './files/stream-link.ts';
export { cloneStream } from './mirror/clone-stream.ts';
export type { FetchedFile, FetchFileOptions } from './mirror/fetch-file.ts';
export { fetchFile } from './mirror/fetch-file.ts';
export type { Following, FollowOptions } from './mirror/follow-stream.ts';
export { followStream } from './mirror/follow-stream.ts';
export type { MirrorOptions, MirrorReport, SourceFailure } from './mirror/mirror.ts';
export { mirrorStream } from './mirror/mirror.ts';
export type { PeerFinder } from './mirror/peer-finder.ts';
export type {
  PushChange,
  PushedStream,
  PushOptions,
  PushReport,
  PushStep,
} from './mirror/push-stream.ts';
export { pushStream } from './mirror/push-stream.ts';
export { recoverStream } from './mirror/recover.ts';
export type { RemoteStream } from './mirror/remote-streams.ts';
export { listRemoteStreams } from './mirror/remote-streams.ts';
export type { BrokenLink, LinkReport } from './publish/link-check.ts';
export type { PreparedSite, PrepareSiteOptions } from './publish/prepare-site.ts';
export { prepareSite } from './publish/prepare-site.ts';
export type { PublishOptions, PublishReport } from './publish/publisher.ts';
export { publishDirectory } from './publish/publisher.ts';
export type { FileChange } from './publish/site-changes.ts';
export type { Watch, WatchOptions } from './publish/watch-directory.ts';
export { watchDirectory } from './publish/watch-directory.ts';
export type { AuditFinding, AuditOptions, AuditReport } from './store/audit.ts';
export { verifyStream } from './store/audit.ts';
export type { KeyPair } from './store/key-file.ts';
export { generateKeyPair } from './store/key-file.ts';
export { openReader } from './store/open-reader.ts';
export type { CreateStreamOptions, OpenStreamOptions } from './store/open-stream.ts';
export { createStream, openStream } from './store/open-stream.ts';
export type { Generation, ProvenRecord, StreamReader } from './store/reader.ts';
export type { Stream } from './store/stream.ts';
export type { PutFileOptions, Transaction, WriteOptions } from './store/transaction.ts';
export type { Post } from './store/typed-reads.ts';
export type { ValueMode } from './store/value-mode.ts';
