/** The certificate that the operator gives, for a server that ends TLS itself. A renewed one is taken up. */
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import { DrayerError } from '../core/errors.ts';

/** Files in PEM. */
export type CertificateFiles = {
  /** The certificate, with those between it and the root behind it. */
  readonly cert: string;
  readonly key: string;
};

/** What they hold. */
export type Certificate = { readonly cert: Buffer; readonly key: Buffer };

const LOOK_MS = 30_000;

/**
 * Reads a certificate and its key.
 *
 * @throws {DrayerError} FILE_UNREADABLE when one cannot be read
 * @throws {DrayerError} USAGE when they are no certificate, or do not belong together
 */
export function readCertificate({ cert, key }: CertificateFiles): Certificate {
  const read = { cert: readPem(cert), key: readPem(key) };
  try {
    createSecureContext(read);
    return read;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DrayerError('USAGE', `${cert} and ${key}: no certificate with its key (${reason})`, {
      hint: 'both have to be PEM files, of the same key, without a password',
      cause,
    });
  }
}

/**
 * Gives running servers the certificate anew whenever a file has changed. One that is wrong is told of
 * and left: the one before goes on.
 *
 * @returns how to stop looking
 */
export function renewCertificate(
  servers: readonly Server[],
  files: CertificateFiles,
  {
    onError,
    lookMs = LOOK_MS,
  }: { readonly onError: (error: unknown) => void; readonly lookMs?: number | undefined },
): () => void {
  let state = stateOf(files);
  const timer = setInterval(() => {
    try {
      const now = stateOf(files);
      if (now === state) return;
      state = now;
      const certificate = readCertificate(files);
      for (const server of servers) (server as TlsServer).setSecureContext(certificate);
    } catch (error) {
      onError(error);
    }
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

function stateOf({ cert, key }: CertificateFiles): string {
  return [cert, key].map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs).join(' ');
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new DrayerError('FILE_UNREADABLE', `${path}: cannot be read (${code})`, {
      hint: 'check the path, and whether the user that runs this may read it',
      cause,
    });
  }
}
