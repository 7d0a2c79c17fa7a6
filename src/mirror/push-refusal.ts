/** What it means when a server does not take a push, said so that a person knows what to do. */
import { DrayerError, type ErrorCode, isDrayerError } from '../core/errors.ts';
import { AUTH_SECONDS } from '../wire/push-auth.ts';
import { collectBody } from './http-body.ts';
import type { HttpResponse } from './http-client.ts';

/** Longest text of a server that is repeated to a person, in characters. */
const MOST_TEXT = 300;
const PROBLEM_BYTES = 65_536;

/**
 * Makes the error of an answer that is not the one that was hoped for; reads its body.
 *
 * @param nowMs - this machine's clock
 */
export async function refusalOf(answer: HttpResponse, nowMs: number): Promise<DrayerError> {
  const { code, detail, hint } = await problemIn(answer);
  const { url, status } = answer;
  const said = detail === '' ? '' : `: ${detail}`;
  const off = secondsOff(answer, nowMs);
  if (status === 401 && Math.abs(off) > AUTH_SECONDS) {
    const where = off > 0 ? 'ahead of' : 'behind';
    const message = `${url}: this machine's clock is ${Math.round(Math.abs(off))} s ${where} the server's, and the server takes no signature that is off by more than ${AUTH_SECONDS} s`;
    return new DrayerError('AUTH_INVALID', message, {
      hint: 'set the clock of whichever is wrong (timedatectl set-ntp true), then publish again',
    });
  }
  const row = ROWS[status];
  if (row === undefined) return unexpected(url, status, said);
  const known = code !== undefined && row.codes.includes(code) ? code : row.codes[0];
  const wait = answer.header('retry-after');
  const after = status === 423 && /^\d{1,4}$/.test(wait ?? '') ? `, or in ${wait} s` : '';
  return new DrayerError(known ?? 'UNREACHABLE', `${url}: ${row.meaning}${said}`, {
    hint: `${row.hint}${after}${hint === '' ? '' : ` (the server says: ${hint})`}`,
  });
}

type Row = {
  /** The first, unless the server says another one of them. */
  readonly codes: readonly ErrorCode[];
  readonly meaning: string;
  readonly hint: string;
};

const ROWS: Readonly<Record<number, Row>> = {
  401: {
    codes: ['AUTH_INVALID'],
    meaning: 'the server does not accept the signature of the request',
    hint: 'is it the same key, and does a proxy in between pass the Host header on unchanged?',
  },
  403: {
    codes: ['PUSH_NOT_ALLOWED', 'CROSS_SITE'],
    meaning: 'the server takes no pushes from this key',
    hint: 'its operator allows it with: drayer allow KEY',
  },
  404: {
    codes: ['NOT_FOUND'],
    meaning: 'takes no pushes here',
    hint: 'check the address; the server has to be a drayer that allows this key: drayer allow KEY',
  },
  405: {
    codes: ['NOT_SUPPORTED'],
    meaning: 'takes no pushes',
    hint: 'it may be an older drayer, or another program; update it',
  },
  409: {
    codes: ['BATCH_REFUSED', 'TIP_MOVED', 'LEASE_LOST', 'VALUE_NOT_HELD', 'SNAPSHOT_MISMATCH'],
    meaning: 'the server did not take the generation',
    hint: 'somebody else may have published; run the command again',
  },
  411: { codes: ['UNREACHABLE'], meaning: 'wants a length', hint: 'a proxy in between removes it' },
  413: {
    codes: ['OVER_QUOTA', 'TOO_LARGE'],
    meaning: 'this is more than the server takes',
    hint: 'publish less, or ask its operator for more',
  },
  421: {
    codes: ['HOST_REFUSED'],
    meaning: 'the server does not answer to this name',
    hint: 'use its IP address, or start it with --allow-host',
  },
  423: {
    codes: ['LEASE_HELD'],
    meaning: 'somebody else is publishing this stream',
    hint: 'nothing was signed; run the command again when that has finished',
  },
  429: {
    codes: ['UNREACHABLE'],
    meaning: 'the server is asked too often',
    hint: 'wait a minute, then run the command again',
  },
  501: {
    codes: ['NOT_SUPPORTED'],
    meaning: 'takes no pushes',
    hint: 'it may be an older drayer, or another program; update it',
  },
  503: {
    codes: ['UNREACHABLE'],
    meaning: 'the server is busy',
    hint: 'run the command again in a minute',
  },
  507: {
    codes: ['OVER_QUOTA'],
    meaning: 'the server has no room for this',
    hint: 'publish less, or ask its operator for more room',
  },
};

function unexpected(url: string, status: number, said: string): DrayerError {
  const isDown = status >= 500;
  return new DrayerError(
    isDown ? 'UNREACHABLE' : 'PEER_MISBEHAVED',
    `${url}: the server answered ${status}${said}`,
    {
      hint: isDown
        ? 'run the command again; if it stays, look at the log of the server'
        : undefined,
    },
  );
}

async function problemIn(
  answer: HttpResponse,
): Promise<{ code: ErrorCode | undefined; detail: string; hint: string }> {
  const nothing = { code: undefined, detail: '', hint: '' };
  if (answer.header('content-type')?.startsWith('application/problem+json') !== true) {
    answer.discard();
    return nothing;
  }
  try {
    const body = await collectBody(answer.body(PROBLEM_BYTES));
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    const { code, detail, hint } = (value ?? {}) as Record<string, unknown>;
    // Looked up in a row of known ones before it is used.
    return { code: code as ErrorCode, detail: cleaned(detail), hint: cleaned(hint) };
  } catch (error) {
    if (error instanceof SyntaxError || isDrayerError(error)) return nothing;
    throw error;
  }
}

// It is a stranger's text, and goes to somebody's terminal.
function cleaned(text: unknown): string {
  if (typeof text !== 'string') return '';
  return text.replace(/[^\P{C} ]/gu, '\ufffd').slice(0, MOST_TEXT);
}

function secondsOff(answer: HttpResponse, nowMs: number): number {
  const theirs = Date.parse(answer.header('date') ?? '');
  return Number.isNaN(theirs) ? 0 : (nowMs - theirs) / 1000;
}
