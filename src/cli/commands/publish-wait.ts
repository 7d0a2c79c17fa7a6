/** `drayer publish --wait-mirrors N`: a publish that is over when so many servers have it. */
import { DrayerError, isDrayerError } from '../../core/errors.ts';
import type { PublishedSite } from '../../daemon/publish-site.ts';
import { parsePeerUrl } from '../../mirror/peer-url.ts';
import { type ServerState, waitForServers } from '../../mirror/wait-for-servers.ts';
import { count, number } from '../format.ts';
import { startProgress } from '../progress.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';

/** The flags of the wait, as typed. */
export type WaitFlags = {
  /** How many servers. */
  readonly waitMirrors?: string | undefined;
  /** Seconds. */
  readonly timeout?: string | undefined;
  /** Servers besides those that the stream names. */
  readonly mirror?: readonly string[] | undefined;
};

/** What is to be waited for. */
export type Wait = {
  readonly needed: number;
  readonly timeoutMs: number;
  readonly mirrors: readonly string[];
};

/** How far the servers are when the wait is over. */
export type Waited = {
  /** Whether there are enough. */
  readonly isMet: boolean;
  readonly needed: number;
  readonly servers: readonly ServerState[];
};

const TIMEOUT_SECONDS = 120;
const MOST_SECONDS = 86_400;

/**
 * Reads the flags, before anything is published.
 *
 * @throws {DrayerError} USAGE when one is out of its bounds or cannot be meant
 */
export function waitOf({ waitMirrors, timeout, mirror = [] }: WaitFlags): Wait | undefined {
  if (waitMirrors === undefined) {
    throw new DrayerError('USAGE', '--timeout and --mirror are for --wait-mirrors', {
      hint: 'drayer publish --wait-mirrors 1 waits until one of the servers has the new generation',
    });
  }
  const needed = numberIn(waitMirrors, '--wait-mirrors', { most: 100, unit: 'servers' });
  const seconds =
    timeout === undefined
      ? TIMEOUT_SECONDS
      : numberIn(timeout, '--timeout', { most: MOST_SECONDS, unit: 'seconds' });
  for (const url of mirror) parsePeerUrl(url);
  return { needed, timeoutMs: seconds * 1000, mirrors: mirror };
}

/** Waits, telling how it goes. */
export async function waitForMirrors(
  session: Session,
  published: PublishedSite,
  { needed, timeoutMs, mirrors }: Wait,
): Promise<Waited> {
  const { publicKey, report, primaryServers } = published;
  // Another program may have named what nobody can ask.
  const named = primaryServers.map(({ url }) => url).filter(isAddress);
  const urls = [...new Set([...named, ...mirrors].map(trimmed))];
  const notAsked = urls.map((url) => ({ url, isServing: false }));
  // Asking these for however long would bring no more of them.
  const isPossible = urls.length >= needed && publicKey !== undefined;
  if (!isPossible) return told(session, { isMet: false, needed, servers: notAsked }, published);
  const { tip, snapshot } = report.generation;
  const progress = startProgress(session.terminal);
  const show = watchProgress(session, progress.update, { published, needed });
  try {
    show(notAsked);
    const servers = await waitForServers(
      urls,
      { publicKey, tip, snapshot },
      { needed, timeoutMs, signal: session.signal, onProgress: show },
    );
    progress.finish();
    const isMet = servers.filter(({ isServing }) => isServing).length >= needed;
    return told(session, { isMet, needed, servers }, published);
  } finally {
    progress.finish();
  }
}

/** The same for machines. */
export function jsonWaited({ isMet, needed, servers }: Waited): object {
  const listed = servers.map(({ url, isServing, seq, problem }) => {
    return { url, serving: isServing, seq, problem: isServing ? undefined : (problem ?? SILENT) };
  });
  return { needed, met: isMet, servers: listed };
}

const SILENT = 'has not answered';

/** On a terminal a line that changes; in a log one line for each server that has come. */
function watchProgress(
  { terminal }: Session,
  update: (text: string) => void,
  about: { readonly published: PublishedSite; readonly needed: number },
): (servers: readonly ServerState[]) => void {
  const named = new Set<string>();
  const what = nameOf(about.published);
  return (servers) => {
    const serving = servers.filter(({ isServing }) => isServing);
    update(`waiting for ${what}: ${serving.length} of ${count(about.needed, 'server')}`);
    for (const { url } of serving) {
      if (named.has(url)) continue;
      named.add(url);
      if (!terminal.isLive) terminal.say(`${visible(url)} serves ${what}`);
    }
  };
}

function told(session: Session, waited: Waited, published: PublishedSite): Waited {
  const { terminal } = session;
  const { isMet, needed, servers } = waited;
  const serving = servers.filter(({ isServing }) => isServing);
  const what = nameOf(published);
  if (isMet) {
    if (!terminal.isJson) {
      terminal.print(`served by ${serving.map(({ url }) => visible(url)).join(', ')}`);
    }
    return waited;
  }
  if (servers.length < needed) {
    const known = servers.length === 0 ? 'none' : number(servers.length);
    const message = `published, but ${count(needed, 'server')} cannot serve ${what}: the stream names ${known}`;
    terminal.complain('warning', message);
    terminal.complain('hint', 'name them: --mirror URL, or drayer servers STREAM add URL');
    return waited;
  }
  const lines = servers.flatMap(({ url, isServing, problem }) =>
    isServing ? [] : [about(url, problem)],
  );
  const head = `published, but only ${serving.length} of ${count(needed, 'server')} came to serve ${what}:`;
  terminal.complain('warning', [head, ...lines].join('\n'));
  terminal.complain(
    'hint',
    'see what those servers say; the same command again goes on waiting, without a new generation',
  );
  return waited;
}

// Most problems begin with the address already.
function about(url: string, problem = SILENT): string {
  return problem.startsWith(url.replace(/\/$/, '')) ? problem : `${url}: ${problem}`;
}

function nameOf({ report }: PublishedSite): string {
  const { snapshot } = report.generation;
  return snapshot === undefined ? 'the newest state' : `generation ${snapshot.seq}`;
}

function isAddress(url: string): boolean {
  try {
    parsePeerUrl(url);
    return true;
  } catch (error) {
    if (isDrayerError(error)) return false;
    throw error;
  }
}

function trimmed(url: string): string {
  return url.trim().replace(/\/+$/, '');
}

function numberIn(
  text: string,
  flag: string,
  { most, unit }: { readonly most: number; readonly unit: string },
): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  const message = `${flag}: expected a number of ${unit} from 1 to ${most}, got ${JSON.stringify(text)}`;
  throw new DrayerError('USAGE', message);
}
