/** What can go wrong with a peer, said so that a person knows where to look. */
import { DrayerError, type ErrorCode } from '../core/errors.ts';

/** System error code → [what it means, what to do]. */
const CAUSES: Readonly<Record<string, readonly [string, string]>> = {
  ECONNREFUSED: ['connection refused', 'is the server running there, and is the port right?'],
  ECONNRESET: ['connection closed by the other side', 'try again, or try another peer'],
  EPIPE: ['connection closed by the other side', 'try again, or try another peer'],
  ENOTFOUND: ['no such host', 'check the name, or whether this machine is online'],
  EAI_AGAIN: ['the name cannot be looked up now', 'check whether this machine is online'],
  ENETUNREACH: ['no route to that network', 'check whether this machine is online'],
  EHOSTUNREACH: ['no route to that host', 'check the address, and that both are in one network'],
  ETIMEDOUT: ['connection timed out', 'check the address, and any firewall in between'],
  CERT_HAS_EXPIRED: ['its certificate has expired', 'its operator has to renew it'],
  DEPTH_ZERO_SELF_SIGNED_CERT: [
    'its certificate is self-signed',
    'plain http is enough: every record is signed by the stream key',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: ['its certificate is for another name', 'check the address'],
  EMFILE: ['too many files are open here', 'raise the limit with ulimit -n'],
  EPROTO: ['it does not speak https', 'try http:// instead'],
};

/** The codes that, coming out of a peer's bytes, are that peer's doing. */
const PEERS_FAULT: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MALFORMED',
  'RECORD_INVALID',
  'SIGNATURE_INVALID',
  'PROOF_INVALID',
]);

/** The error for a peer that cannot be reached or stops answering; names the URL and the way on. */
export function unreachable(url: string, cause: unknown, what?: string): DrayerError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const text = cause instanceof Error ? cause.message : String(cause);
  const [meaning, hint] = CAUSES[code] ?? [text || code, 'check the address, or try another peer'];
  if (code.startsWith('HPE_')) {
    return new DrayerError('PEER_MISBEHAVED', `${url}: its answer is not HTTP (${code})`, {
      cause,
      hint: 'something else may be listening on that port',
    });
  }
  const message = what === undefined ? `${url}: ${meaning}` : `${url}: ${what} (${meaning})`;
  return new DrayerError('UNREACHABLE', message, { cause, hint });
}

/** The error for a run that was told to stop. */
export function abortedError(signal: AbortSignal | undefined): DrayerError {
  return new DrayerError('ABORTED', 'stopped', { cause: signal?.reason });
}

/**
 * Turns an error that a peer's bytes caused into PEER_MISBEHAVED with the URL (R16), names the URL in
 * one about a limit, and hands any other back as it is.
 */
export function blame(url: string, error: unknown): unknown {
  if (!(error instanceof DrayerError)) return error;
  const message = error.message.startsWith(url) ? error.message : `${url}: ${error.message}`;
  if (error.code === 'TOO_LARGE') return new DrayerError('TOO_LARGE', message, { cause: error });
  if (!PEERS_FAULT.has(error.code)) return error;
  return new DrayerError('PEER_MISBEHAVED', message, {
    cause: error,
    hint: 'nothing of it was kept; ask another peer',
  });
}

/** Makes the peer's fault of an answer that is longer than anything it was asked for. */
export function blameTooLarge(error: DrayerError): DrayerError {
  return new DrayerError('PEER_MISBEHAVED', `${error.message}, for a single record`, {
    cause: error,
    hint: 'nothing of it was kept; ask another peer',
  });
}

/**
 * Throws for every status that is neither an answer nor a plain "not here".
 *
 * @throws {DrayerError} HOST_REFUSED, PEER_INCOMPLETE, PEER_MISBEHAVED
 */
export function refuseStatus({ url, status }: { url: string; status: number }): void {
  if ([400, 404, 405, 410, 500, 501].includes(status)) return;
  if (status === 421) {
    throw new DrayerError('HOST_REFUSED', `${url}: the server does not answer to this name`, {
      hint: 'use its IP address, or start it with --allow-host',
    });
  }
  if (status === 503 || status === 429) {
    throw new DrayerError('PEER_INCOMPLETE', `${url}: the peer cannot give this now (${status})`, {
      hint: 'it may hold only a part of the stream, or be busy; try again later or ask another',
    });
  }
  throw new DrayerError('PEER_MISBEHAVED', `${url}: expected 200, got ${status}`);
}

/** Tells whether a source can be the reason of an error; anything else ends the run. */
export function isPeerFault(error: unknown): error is DrayerError {
  return error instanceof DrayerError && PEER_CODES.has(error.code);
}

const PEER_CODES: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'PEER_MISBEHAVED',
  'PEER_INCOMPLETE',
  'HOST_REFUSED',
  'VALUE_NOT_HELD',
]);
