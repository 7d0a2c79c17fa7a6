/** `drayer info [stream]`: what this stream is, how big, how far, and whether anything is missing. */
import { EXIT } from '../../core/errors.ts';
import { formatStreamId } from '../../core/stream-id.ts';
import { serversIn, shareLinkOf } from '../../daemon/share-address.ts';
import { readStreamFacts, type StreamFacts } from '../../daemon/stream-facts.ts';
import {
  bytes,
  count,
  describeSignatures,
  number,
  shellWord,
  table,
  time,
  wordRows,
} from '../format.ts';
import { describeValues } from '../mirror-values.ts';
import { describeRunning } from '../running-stream.ts';
import type { Session } from '../session.ts';
import { describeSources } from '../source-rows.ts';
import { visible } from '../terminal.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Prints the facts of a stream. */
export async function info(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
): Promise<number> {
  const { terminal } = session;
  const stream = await chooseStream(session, name, flags);
  const facts = readStreamFacts(stream.path, stream.keyFile);
  const running = await describeRunning(session, stream.path, flags);
  const sources = describeSources(stream.path, facts.generation);
  const { publicKey } = facts;
  const { addresses } = running;
  const servers = serversIn(stream.path);
  const link = shareLinkOf({ publicKey, name: stream.name, servers, addresses });
  warn(session, facts);
  const status = facts.forkProofPath === undefined ? EXIT.done : EXIT.conflict;
  if (terminal.isJson) {
    terminal.printJson({
      ...jsonFacts(facts, stream.name),
      link,
      ...sources.json,
      ...running.json,
    });
    return status;
  }
  const rows = [
    ...(stream.name === undefined ? [] : [['name', stream.name]]),
    ['id', facts.id],
    ['in URLs', formatStreamId(facts.publicKey, 'base64url')],
    ['as a host', `${formatStreamId(facts.publicKey, 'base32')}.localhost`],
    ...wordRows('in words', formatStreamId(facts.publicKey, 'words')),
    ['link', link],
    ['file', facts.path],
    ['key', facts.keyPath ?? 'not here: this copy can be shown and passed on, not changed'],
    ...generationRows(facts),
    ...signatureRows(facts),
    ...provenanceRows(facts),
    ['records', recordsLine(facts)],
    ...valueRows(facts),
    ...sources.rows,
    ...running.rows,
  ];
  for (const line of table(rows, [])) terminal.print(line);
  for (const { type, key } of facts.wanted.slice(0, MOST_WANTED)) {
    terminal.print(`  wanted: ${visible(`${type}/${key}`)}`);
  }
  terminal.say(sentence(facts));
  return status;
}

function warn({ terminal }: Session, facts: StreamFacts): void {
  const { path, isBehindMark, forkProofPath, forkProofFault } = facts;
  if (forkProofFault !== undefined) {
    terminal.complain('warning', forkProofFault);
    terminal.complain('hint', 'move it away: it says nothing about this stream');
  }
  if (forkProofPath !== undefined) {
    const what = 'the key of this stream has signed two histories, so no copy of it can be trusted';
    terminal.complain('warning', `${what} to be the newest; the proof is ${forkProofPath}`);
  }
  if (isBehindMark) {
    terminal.complain('warning', `${path} is older than what its key has signed`);
    terminal.complain('hint', `drayer recover ${shellWord(path)} --from URL brings it up to date`);
  }
}

const MOST_WANTED = 20;

function generationRows({ generation }: StreamFacts): string[][] {
  const { snapshot, covered, tip, count: records } = generation;
  if (records === 0) return [['generation', 'none yet: the stream is empty']];
  if (snapshot === undefined) {
    return [
      ['newest', `${time(tip)} (${tip})`],
      ['proof', 'none: made by a program without snapshots'],
    ];
  }
  return [
    ['generation', `${snapshot.seq}, of ${time(tip)} (${tip})`],
    ['root', Buffer.from(snapshot.root).toString('hex')],
    ...(covered ? [] : [['proof', `records were written after snapshot ${snapshot.seq}`]]),
    ...(snapshot.exp === 0 ? [] : [['stale after', time(snapshot.exp)]]),
  ];
}

function signatureRows({ signatures }: StreamFacts): string[][] {
  const said = describeSignatures(signatures);
  return said === undefined ? [] : [['signatures', said]];
}

// Signed, but only what the publisher says.
function provenanceRows({ provenance }: StreamFacts): string[][] {
  if (provenance === undefined) return [];
  const { commit, workflow, run, repository, isCurrent } = provenance;
  const of = [commit, repository].filter((part) => part !== undefined).join(' of ');
  const parts = [of, workflow, run].filter((part) => part !== undefined && part !== '');
  const what = isCurrent ? 'made from' : 'an earlier one was made from';
  return [[what, visible(parts.join(', '))]];
}

function recordsLine({ types, generation, bytes: held }: StreamFacts): string {
  const parts = types.map(({ type, records }) => `${number(records)} ${visible(type)}`);
  return `${number(generation.count)} (${parts.join(', ')}), ${bytes(held)} of values`;
}

function valueRows({ values, wanted, generation }: StreamFacts): string[][] {
  if (values === undefined) return [];
  const { mode, since, held, leftOut, from, to } = values;
  const of = `${number(held)} of ${number(generation.count)} held`;
  const rest = `${number(wanted.length)} wanted, ${number(leftOut)} left out`;
  const oldest = from === undefined ? [] : [['held from', `${time(from)} to ${time(to ?? from)}`]];
  const chosen = `${describeValues(mode)}, chosen ${time(since)}`;
  return [['values', `${of}, ${rest}`], ['it holds', chosen], ...oldest];
}

function sentence(facts: StreamFacts): string {
  if (facts.wanted.length > 0) {
    return `${count(facts.wanted.length, 'value')} not held; drayer mirror URL fetches them`;
  }
  if (facts.isFetching)
    return 'a newer generation is half fetched; drayer mirror URL goes on with it';
  if (facts.values !== undefined && facts.values.leftOut > 0) {
    return 'every value that is wanted is held; drayer mirror URL --all fetches the others';
  }
  return `every value is held; drayer verify ${facts.path} checks them all`;
}

function jsonFacts(facts: StreamFacts, name: string | undefined): object {
  const { path, id, publicKey, generation, types, wanted, bytes: held, keyPath } = facts;
  const { tip, idTip, count: records, snapshot, covered } = generation;
  return {
    name,
    path,
    id,
    base64url: formatStreamId(publicKey, 'base64url'),
    base32: formatStreamId(publicKey, 'base32'),
    words: formatStreamId(publicKey, 'words'),
    keyPath,
    tip,
    idTip,
    records,
    bytes: held,
    types,
    snapshot: snapshot && {
      seq: snapshot.seq,
      count: snapshot.count,
      root: Buffer.from(snapshot.root).toString('hex'),
      time: snapshot.time,
      expires: snapshot.exp,
      covered,
    },
    complete: facts.isComplete,
    signatures: facts.signatures,
    behind: facts.isBehindMark,
    forkProof: facts.forkProofPath,
    fetching: facts.isFetching,
    provenance: facts.provenance,
    wanted,
    values: facts.values,
  };
}
