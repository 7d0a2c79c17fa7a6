/**
 * Fetching what is wanted (R17): from all sources that know values by their hash, then from the lists of
 * originals. Nothing that is held already is asked for.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { nameOfHash } from '../store/hash-name.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import { LIMITS } from '../wire/limits.ts';
import { isSourceFault } from './contacts.ts';
import { checkValue } from './download-value.ts';
import { checkStaged, checkWhole, isOverQuota } from './quota.ts';
import { reportProgress, type Session } from './session.ts';
import type { Source } from './source.ts';
import { fetchFromAll, type SwarmRest } from './swarm.ts';

/**
 * Fetches every value that is wanted.
 *
 * @returns how many the source of the records does not have any more: it has moved on to a newer
 *   generation
 * @throws {DrayerError} PEER_MISBEHAVED, UNREACHABLE, PEER_INCOMPLETE, TOO_LARGE when nobody is left who
 *   could give the rest
 */
export async function fetchValues(session: Session): Promise<number> {
  const { store, state } = session;
  const wanted = store.wanted();
  keepOnlyWanted(store, wanted);
  const { newest, types } = store.values.mode;
  const rest = await fetchThese(session, wanted, {
    // Small ones have come with their records, unless only some are wanted.
    among: (newest ?? types) === undefined ? undefined : store.view.count(),
    onValue: (hash, value) => {
      store.fill(hash, value);
      checkStaged(session);
      reportProgress(session, 'values', store.view.modifiedTip());
    },
    onLarge: (hash, bytes) => void store.values.large.set(nameOfHash(hash), bytes),
    onKept: () => checkStaged(session),
  });
  state.valuesLeft = 0;
  if (rest.missing.length > 0) explain(session, rest);
  checkWhole(session);
  return rest.missing.length;
}

/** Removes what has come of values that neither the staged generation nor the visible one wants any more. */
function keepOnlyWanted({ parts, visible }: MirrorStore, wanted: readonly Uint8Array[]): void {
  if (parts.isEmpty) return;
  const names = new Set(wanted.map(nameOfHash));
  const lacks = (record: SignedRecord | undefined): boolean =>
    record !== undefined && visible?.valueSize(record) === undefined;
  parts.keepOnly((hash) => names.has(nameOfHash(hash)) || lacks(visible?.findByHash(hash)));
}

/** What {@link fetchThese} is told, and tells. */
export type FetchListener = {
  /** How many records there are; given where many of the values may be small. */
  readonly among?: number | undefined;
  /** A value has come, and has its hash; its memory is used again afterwards. */
  readonly onValue: (hash: Uint8Array, value: Uint8Array) => void;
  /** A value has more bytes than the mode of the mirror takes, as its sources say. */
  readonly onLarge: (hash: Uint8Array, bytes: number) => void;
  /** Something of a value that is under way was kept on disk. */
  readonly onKept?: (() => void) | undefined;
};

/**
 * Fetches values from all sources of a session, originals last.
 *
 * @returns what nobody could give, and why
 */
export async function fetchThese(
  session: FetchSession,
  hashes: readonly Uint8Array[],
  { among = Number.POSITIVE_INFINITY, onValue, onLarge, onKept }: FetchListener,
): Promise<SwarmRest> {
  const { sources, excluded, state, store } = session;
  state.valuesLeft = hashes.length;
  if (hashes.length === 0) return { missing: [], failures: new Map() };
  const count = (hash: Uint8Array, value: Uint8Array): void => {
    state.values += 1;
    state.valuesLeft -= 1;
    onValue(hash, value);
  };
  const listener = { onValue: count, onLarge };
  const isMost = hashes.length >= LEAST_LISTED && hashes.length >= among / 2;
  const left = isMost ? await fetchFromPages(session, hashes, listener) : hashes;
  const rest = await fetchFromAll(left, {
    sources: sources.filter((source) => !source.isPlain),
    excluded,
    mostOf: (hash) => Math.min(LIMITS.recordBytes, store.values.mostOf(hash)),
    onValue: count,
    onBytes: (bytes) => {
      state.bytes += bytes;
    },
    parts: store.parts,
    onKept,
  });
  const large = rest.missing.filter(
    ({ hash, isLarge }) => isLarge && Number.isFinite(store.values.mostOf(hash)),
  );
  for (const { hash, likelyBytes = 0 } of large) onLarge(hash, likelyBytes);
  const failures = new Map(rest.failures);
  const open = new Map(rest.missing.map((wanted) => [nameOfHash(wanted.hash), wanted]));
  for (const { hash } of large) open.delete(nameOfHash(hash));
  for (const source of sources) {
    if (open.size === 0 || !source.isPlain || excluded.has(source)) continue;
    try {
      await fetchFromList(source, open, { ...listener, session, inlineBytes: 0 });
    } catch (error) {
      if (!isItsFault(error)) throw error;
      failures.set(source, error);
      if (error.code === 'PEER_MISBEHAVED') excluded.set(source, error);
    }
  }
  return { missing: [...open.values()], failures };
}

/** As much of a session as fetching values takes. */
export type FetchSession = Pick<Session, 'sources' | 'excluded' | 'state' | 'store'>;

/** So many small values are fetched sooner with the pages of records than one by one. */
const LEAST_LISTED = 256;
const LISTED_BYTES = 256 * 1024;

/** Reads the pages of one source again, for their small values; returns what was not among them. */
async function fetchFromPages(
  session: FetchSession,
  hashes: readonly Uint8Array[],
  listener: FetchListener,
): Promise<Uint8Array[]> {
  const [source] = session.sources.filter((one) => !one.isPlain && !session.excluded.has(one));
  const open = new Map(hashes.map((hash) => [nameOfHash(hash), hash]));
  const { maxBytes = LISTED_BYTES } = session.store.values.mode;
  const inlineBytes = Math.min(maxBytes, LISTED_BYTES);
  try {
    if (source !== undefined)
      await fetchFromList(source, open, { ...listener, session, inlineBytes });
  } catch (error) {
    // The others, and it too, are asked for each of the rest.
    if (!isItsFault(error)) throw error;
    if (source !== undefined && error.code === 'PEER_MISBEHAVED')
      session.excluded.set(source, error);
  }
  return [...open.values()];
}

/** Reads a list for its values alone: an original knows no hashes. */
async function fetchFromList(
  source: Source,
  open: Map<string, unknown>,
  {
    onValue,
    onLarge,
    session,
    inlineBytes,
  }: FetchListener & { readonly session: FetchSession; readonly inlineBytes: number },
): Promise<void> {
  const { values } = session.store;
  for await (const batch of source.batches({ since: 0, inlineBytes })) {
    session.state.bytes += batch.bytes;
    for (const { hash, value } of batch.records) {
      const name = nameOfHash(hash);
      if (value === undefined || !open.has(name)) continue;
      const right = checkValue(source.url, hash, value);
      open.delete(name);
      if (value.length > values.mostOf(hash)) onLarge(hash, value.length);
      else onValue(hash, right);
    }
    if (open.size === 0) return;
  }
}

/** Not where it is the quota here. */
function isItsFault(error: unknown): error is DrayerError {
  return isSourceFault(error) && !isOverQuota(error);
}

/** Throws why the rest could not be had, unless it is that the source of the records has moved on. */
function explain({ source }: Session, { missing, failures }: SwarmRest): void {
  const isGone = missing.some(({ lackedBy, problem }) => lackedBy.has(source) && !problem);
  const failure = failures.get(source) ?? [...failures.values()][0];
  if (isGone || (source.isPlain && failure === undefined)) return;
  if (failure !== undefined) throw failure;
  const large = missing.find(({ problem }) => isDrayerError(problem, 'TOO_LARGE'));
  if (large !== undefined) throw large.problem;
  const message = `${missing.length} values are held by nobody who was asked`;
  throw new DrayerError('PEER_INCOMPLETE', `${source.url}: ${message}`, {
    cause: missing[0]?.problem,
    hint: 'these peers hold only a part of the stream; ask one that has all of it as well',
  });
}
