/**
 * Fetching what is wanted (R17): from all sources that know values by their hash, then from the lists of
 * originals. Nothing that is held already is asked for.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { checkValue } from './download-value.ts';
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
  const wanted = session.store.wanted();
  session.state.valuesLeft = wanted.length;
  if (wanted.length === 0) return 0;

  const { sources, excluded, state } = session;
  const rest = await fetchFromAll(wanted, {
    sources: sources.filter((source) => !source.isPlain),
    excluded,
    onValue: (hash, value) => keep(session, hash, value),
    onBytes: (bytes) => {
      state.bytes += bytes;
    },
  });
  if (rest.missing.length === 0) return 0;
  const open = new Map(rest.missing.map(({ hash }) => [nameOf(hash), hash]));
  for (const source of sources) {
    if (open.size > 0 && source.isPlain) await fetchFromList(session, source, open);
  }
  if (open.size > 0) explain(session, rest, open);
  return open.size;
}

/** An original knows no hashes: the list is read again, for the values alone. */
async function fetchFromList(
  session: Session,
  source: Source,
  open: Map<string, Uint8Array>,
): Promise<void> {
  for await (const batch of source.batches({ since: 0, inlineBytes: 0 })) {
    session.state.bytes += batch.bytes;
    for (const { hash, value } of batch.records) {
      if (value === undefined || !open.delete(nameOf(hash))) continue;
      keep(session, hash, checkValue(source.url, hash, value));
    }
    if (open.size === 0) return;
  }
}

/** Throws why the rest could not be had, unless it is that the source of the records has moved on. */
function explain(
  { source }: Session,
  { missing, failures }: SwarmRest,
  open: ReadonlyMap<string, Uint8Array>,
): void {
  const left = missing.filter(({ hash }) => open.has(nameOf(hash)));
  const isGone = left.some(({ lackedBy, problem }) => lackedBy.has(source) && !problem);
  if (isGone || source.isPlain) return;
  const failure = failures.get(source) ?? [...failures.values()][0];
  if (failure !== undefined) throw failure;
  const large = left.find(({ problem }) => isDrayerError(problem, 'TOO_LARGE'));
  if (large !== undefined) throw large.problem;
  const message = `${left.length} values are held by nobody who was asked`;
  throw new DrayerError('PEER_INCOMPLETE', `${source.url}: ${message}`, {
    cause: left[0]?.problem,
    hint: 'these peers hold only a part of the stream; ask one that has all of it as well',
  });
}

function nameOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}

function keep(session: Session, hash: Uint8Array, value: Uint8Array): void {
  session.store.fill(hash, value);
  session.state.values += 1;
  session.state.valuesLeft -= 1;
  reportProgress(session, 'values', session.store.view.modifiedTip());
}
