/**
 * Writing to a stream that lives on a server (PROTOCOL.md §8): look, compare, upload, take the lease,
 * look again, sign, put on disk, send. Nothing is signed without the lease, nor on a tip that is not the
 * one that was compared; what is signed is sent as it is until the server says what became of it.
 */

import type { Batch } from '../core/batch.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import { isHalfSpent } from '../core/snapshot.ts';
import { publicKeyOf } from '../store/key-file.ts';
import { takeProcessLock } from '../store/process-lock.ts';
import type { Generation } from '../store/reader.ts';
import { connectSource } from './connect-source.ts';
import { downloadValue } from './download-value.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { type PeerUrl, parsePeerUrl } from './peer-url.ts';
import { destroyPending, readPending, writePending } from './pending-batch.ts';
import { removeKeptValues } from './pending-values.ts';
import { PushConnection } from './push-connection.ts';
import { deliver, takeLease } from './push-delivery.ts';
import { checkMemory, type Memory, noteGeneration, openMemory } from './push-memory.ts';
import { makePushPlace, type PushPlace, pushPlaceOf } from './push-place.ts';
import { type Noted, settle } from './push-settle.ts';
import { signChange } from './push-sign.ts';
import { fetchPushState, type PushState } from './push-state.ts';
import { uploadAndKeep } from './push-upload.ts';
import { Source } from './source.ts';
import { uploadValues } from './upload-values.ts';

/** What {@link pushStream} is told. */
export type PushOptions = {
  /** Address of the server that has the stream, or is to have it. */
  readonly url: string;
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  /** The file the key came from: its mark counts too. */
  readonly keyPath?: string | undefined;
  /** Nothing was ever signed with this key: the stream may be begun. */
  readonly unusedKey?: boolean | undefined;
  /** `drayer.lock`: what was published last, for runners without a memory. */
  readonly lockPath?: string | undefined;
  /** The own stream file, where there is one: its mark counts too. */
  readonly streamPath?: string | undefined;
  /** What the server's operator gave out, for the quota. */
  readonly token?: string | undefined;
  /** Folder of what is remembered; default `$XDG_DATA_HOME/drayer`. */
  readonly dataDir?: string | undefined;
  /** How long visitors may take a generation for fresh, in micros; for ever by default (R20). */
  readonly lifetimeMicros?: number | undefined;
  /** Look at everything, change nothing. */
  readonly dryRun?: boolean | undefined;
  /** The clock, in micros. */
  readonly now?: (() => Micros) | undefined;
  readonly limits?: HttpLimits | undefined;
  /** How long to wait before a request that nobody answered is sent again, ms; 300, then 1,500. */
  readonly retryMs?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when a step is done, before the next begins; may wait. */
  readonly onStep?: ((step: PushStep) => void | Promise<void>) | undefined;
};

/** The steps of a push, in their order; `resent` comes only after a run that was cut off. */
export type PushStep =
  | 'looked'
  | 'resent'
  | 'compared'
  | 'uploaded'
  | 'leased'
  | 'signed'
  | 'stored'
  | 'taken'
  | 'noted';

/** What the stream is before the push. */
export type PushedStream = Pick<PushState, 'view' | 'generation' | 'heads'> & {
  /** Fetches a value and checks it; undefined where the server does not have it. */
  readValue(hash: Uint8Array): Promise<Uint8Array | undefined>;
};

/** What is to become of it. */
export type PushChange = Batch & {
  /** Gives a value that the batch names, if the server turns out not to have it. */
  readValue(hash: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
};

/** What a push came to. */
export type PushReport = {
  /** Base64. */
  readonly id: string;
  readonly url: string;
  /** The server's generation now; after a dry run what it is already. */
  readonly generation: Generation;
  /** Whether this run has signed a new generation. */
  readonly wrote: boolean;
  /** Whether a batch of a run that was cut off was sent first. */
  readonly resumed: boolean;
  /** Values that were sent. */
  readonly uploaded: number;
  /** Bytes of all that was sent. */
  readonly sentBytes: number;
  /** The lock file that was written, if any. */
  readonly lockWritten: string | undefined;
  /** What a person should know though it went well, one sentence each. */
  readonly warnings: readonly string[];
};

/** One push. */
export type PushSession = {
  readonly options: PushOptions;
  readonly publicKey: Uint8Array;
  readonly place: PushPlace;
  readonly source: Source;
  readonly connection: PushConnection;
  readonly memory: Memory;
};

/**
 * Changes a stream on a server, in one generation, with its private key and nothing else.
 *
 * @param change - makes the batch from what the server has; called once
 * @throws {DrayerError} STREAM_BEHIND_MARK, TWO_HISTORIES when the server shows an older state or another
 *   history than is known; nothing was signed
 * @throws {DrayerError} LEASE_HELD, TIP_MOVED, STREAM_BUSY when somebody else publishes
 * @throws {DrayerError} PUSH_NOT_ALLOWED, AUTH_INVALID, OVER_QUOTA when the server does not want it
 * @throws {DrayerError} UNREACHABLE; a batch that was signed by then is sent again by the next call
 * @example
 * await pushStream({ url: 'https://primary.example', secretKey }, () => ({
 *   puts: [], deletes: [{ type: 'file', key: 'old.html' }], readValue: () => undefined,
 * }));
 */
export async function pushStream(
  options: PushOptions,
  change: (held: PushedStream) => PushChange | Promise<PushChange>,
): Promise<PushReport> {
  const { secretKey, dataDir, dryRun, signal } = options;
  const publicKey = publicKeyOf(secretKey);
  const peer = parsePeerUrl(options.url);
  const place = pushPlaceOf(publicKey, dataDir);
  if (!dryRun) makePushPlace(dataDir);
  const lock = dryRun ? undefined : takeProcessLock(place.lockPath, 'is publishing this stream');
  const http = new HttpClient({ limits: options.limits, signal });
  try {
    const { source, tip } = await connect(http, peer, publicKey);
    const { url, base } = source;
    const { token, now, retryMs } = options;
    const nowMs = now && (() => now() / 1000);
    const connection = new PushConnection({
      ...{ http, url, base, publicKey, secretKey, token, nowMs, retryMs, signal },
    });
    const memory = openMemory(options, place, publicKey);
    const session = { options, publicKey, place, source, connection, memory };
    return await push(session, await fetchPushState(source, tip), change);
  } finally {
    http.close();
    lock?.close();
  }
}

async function connect(
  http: HttpClient,
  peer: PeerUrl,
  publicKey: Uint8Array,
): Promise<{ source: Source; tip: SignedRecord | undefined }> {
  try {
    return await connectSource(http, peer, publicKey);
  } catch (error) {
    if (!isDrayerError(error, 'NOT_FOUND')) throw error;
    return { source: new Source(http, peer, { publicKey, isSite: false }), tip: undefined };
  }
}

async function push(
  session: PushSession,
  first: PushState,
  change: (held: PushedStream) => PushChange | Promise<PushChange>,
): Promise<PushReport> {
  const { options, memory, source } = session;
  const { dryRun, onStep } = options;
  const pending = readPending(session.place.batchPath);
  // Of a run that ended before it had signed.
  if (pending === undefined && !dryRun) removeKeptValues(session.place.valuesPath);
  checkMemory(memory, source.url, first.generation, pending);
  await onStep?.('looked');
  const settled = dryRun ? undefined : await settle(session, first, pending);
  if (settled?.resumed === true) await onStep?.('resent');
  const state = settled?.state ?? first;

  const wanted = await change({
    ...state,
    readValue: (hash) => downloadValue(source, hash),
  });
  await onStep?.('compared');
  const isSame = wanted.puts.length === 0 && wanted.deletes.length === 0;
  const isIdle = isSame && !isStaleSoon(state, options);
  const resumed = settled?.resumed ?? false;
  const known = { resumed, uploaded: 0, lockWritten: settled?.noted.lockWritten };
  if (isIdle || dryRun) {
    const noted = isIdle && !dryRun ? noteGeneration(memory, state.generation) : undefined;
    const lockWritten = noted?.lockWritten ?? known.lockWritten;
    return report(session, state.generation, { ...known, lockWritten, wrote: false, noted });
  }
  const { uploaded, warnings } = await uploadAndKeep(session, state, wanted);
  await onStep?.('uploaded');
  const { generation, noted } = await signAndSend(session, state, wanted);
  await onStep?.('noted');
  const lockWritten = noted.lockWritten ?? known.lockWritten;
  const sent = report(session, generation, { resumed, uploaded, lockWritten, wrote: true, noted });
  return { ...sent, warnings: [...sent.warnings, ...warnings] };
}

function isStaleSoon({ generation }: PushState, { lifetimeMicros, now }: PushOptions): boolean {
  const time = now?.() ?? Date.now() * 1000;
  return isHalfSpent(generation.snapshot, lifetimeMicros, time);
}

async function signAndSend(
  session: PushSession,
  state: PushState,
  wanted: PushChange,
): Promise<{ generation: Generation; noted: Noted }> {
  const { options, connection, memory, place, source } = session;
  const { onStep } = options;
  const lease = await takeLease(session);
  try {
    await onStep?.('leased');
    await lease.renewIfOld();
    if (lease.tip !== state.generation.tip) throw tipMoved(source.url);
    const { pending, generation } = signChange(session, state, wanted);
    await onStep?.('signed');
    writePending(place.batchPath, pending);
    await onStep?.('stored');
    const values = { ...wanted, hashes: wanted.puts.map((put) => put.hash) };
    const ensureValues = async (): Promise<void> => void (await uploadValues(connection, values));
    await deliver(session, pending, { lease, ensureValues });
    await onStep?.('taken');
    const noted = noteGeneration(memory, generation);
    destroyPending(place);
    return { generation, noted };
  } finally {
    await lease.release();
  }
}

function report(
  { publicKey, source, connection, memory }: PushSession,
  generation: Generation,
  what: Pick<PushReport, 'resumed' | 'uploaded' | 'lockWritten' | 'wrote'> & {
    readonly noted: Noted | undefined;
  },
): PushReport {
  const { noted, ...rest } = what;
  return {
    id: Buffer.from(publicKey).toString('base64'),
    url: source.url,
    generation,
    sentBytes: connection.sentBytes,
    warnings: [...memory.warnings, ...(noted?.warnings ?? [])],
    ...rest,
  };
}

/** The error of a publish that somebody else was faster than. */
export function tipMoved(url: string): DrayerError {
  return new DrayerError('TIP_MOVED', `${url}: somebody else has published meanwhile`, {
    hint: 'nothing of this was published or signed for it; run the command again to publish on top of it',
  });
}
