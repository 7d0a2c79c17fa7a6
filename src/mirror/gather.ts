/**
 * Who is asked in a round: the sources given by hand, and beside them the servers the stream names
 * (R26), those that were good before, and whom a finder knows. Never one alone where there are more.
 */
import { isDrayerError } from '../core/errors.ts';
import { MAX_PRIMARY_SERVERS } from '../files/server-url.ts';
import type { StreamReader } from '../store/reader.ts';
import { readPrimaryServers } from '../store/typed-reads.ts';
import { addressOf, type Candidate, type SourceKind, withoutDuplicates } from './candidates.ts';
import { type Choice, chooseSources } from './choose-sources.ts';
import { isKnownHost, mayDial } from './dialable.ts';
import type { PeerFinder } from './peer-finder.ts';
import { type PeerUrl, parsePeerUrl } from './peer-url.ts';
import type { SourceMemory } from './source-memory.ts';

/** What {@link gatherCandidates} goes by. */
export type Gathering = {
  readonly given: readonly PeerUrl[];
  readonly finders: readonly PeerFinder[];
  /** Whether others than the given ones are asked as well. */
  readonly withOthers: boolean;
  /** Whether also a given one is left alone for a while after it failed. */
  readonly restsGiven: boolean;
  readonly memory: SourceMemory;
  readonly nowMs: number;
  readonly random: () => number;
  readonly signal?: AbortSignal | undefined;
};

const FIND_MS = 2_000;
/** Taken from one finder: a stranger may know any number. */
const MOST_FOUND = 2_048;

/** Returns the sources to ask now, the best first. */
export async function gatherCandidates(
  visible: StreamReader | undefined,
  publicKey: Uint8Array,
  gathering: Gathering,
): Promise<Choice> {
  const { memory, withOthers, nowMs, random } = gathering;
  const known = new Map(memory.sources.map((source) => [source.address, source]));
  const given = gathering.given.map((peer): Candidate => ({ peer, kind: 'given' }));
  const others = withOthers ? await findOthers(visible, publicKey, gathering) : [];
  const all = withoutDuplicates([...given, ...others]);

  const isAwake = (candidate: Candidate): boolean => {
    const isDue = (known.get(addressOf(candidate.peer))?.restsUntil ?? 0) <= nowMs;
    return isDue || (given.includes(candidate) && !gathering.restsGiven);
  };
  const awake = all.filter(isAwake);
  // Better one that rests than none; those given by hand first.
  const resting = given.length > 0 ? withoutDuplicates(given) : all;
  const { turn } = memory;
  return chooseSources(awake.length > 0 ? awake : resting, { known, turn, random });
}

async function findOthers(
  visible: StreamReader | undefined,
  publicKey: Uint8Array,
  gathering: Gathering,
): Promise<Candidate[]> {
  const { memory, given } = gathering;
  const remembered = memory.sources.flatMap(({ address, kind }) => candidatesOf([address], kind));
  const hosts = [...given, ...peersOf(remembered, 'given')];
  const servers = visible === undefined ? [] : namedServers(visible);
  const named = [...candidatesOf(servers, 'named'), ...remembered]
    .filter(({ kind }) => kind === 'named')
    .filter(({ peer }) => mayDial(peer, hosts))
    .map((one) => ({ ...one, onlyGlobal: !isKnownHost(one.peer, hosts) }));
  const found = await Promise.all(
    gathering.finders.map((finder) => ask(finder, publicKey, gathering.signal)),
  );
  const offered = found.flatMap((addresses) => addresses.slice(0, MOST_FOUND));
  const others = remembered.filter(({ kind }) => kind !== 'named');
  return [...others, ...named, ...candidatesOf(offered, 'found')];
}

function peersOf(candidates: readonly Candidate[], wanted: SourceKind): PeerUrl[] {
  return candidates.filter(({ kind }) => kind === wanted).map(({ peer }) => peer);
}

/** Reads addresses; what a stream or a stranger says may be none, and is left out. */
export function candidatesOf(texts: readonly string[], kind: SourceKind): Candidate[] {
  return texts.flatMap((text) => {
    try {
      return [{ peer: parsePeerUrl(text), kind }];
    } catch (error) {
      if (isDrayerError(error)) return [];
      throw error;
    }
  });
}

function namedServers(visible: StreamReader): string[] {
  try {
    const servers = readPrimaryServers(visible).slice(0, MAX_PRIMARY_SERVERS);
    // A query or a fragment would swallow what is asked for there.
    return servers.map(({ url }) => url).filter((url) => !/[?#]/.test(url));
  } catch (error) {
    // Not held in a partial mirror, or made by a program with another idea of it.
    if (isDrayerError(error)) return [];
    throw error;
  }
}

async function ask(
  finder: PeerFinder,
  publicKey: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([]), FIND_MS);
  });
  try {
    return await Promise.race([finder.find(publicKey, { signal }), tooLong]);
  } catch {
    // Whatever is wrong with it: there are other ways to find sources.
    return [];
  } finally {
    clearTimeout(timer);
  }
}
