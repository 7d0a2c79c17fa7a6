/** What a push remembers between two runs on one machine: a small folder beside the mirrors. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { formatStreamId } from '../core/stream-id.ts';
import { fileError, readTextIfThere, writeSynced } from '../store/durable-file.ts';
import { defaultDataDir, makeDataDir } from './data-dir.ts';

/** The paths of one stream; nothing need be there. */
export type PushPlace = {
  /** Held by the process that pushes. */
  readonly lockPath: string;
  /** How far this machine has seen the stream signed (R11). */
  readonly markPath: string;
  /** The signed batch that is not known to be taken. */
  readonly batchPath: string;
  /** The values it brings. */
  readonly valuesPath: string;
  /** The lease that is held, so that a killed run does not keep the next one out. */
  readonly leasePath: string;
};

/** Returns the paths of a stream, in the folder `push` of the data folder. */
export function pushPlaceOf(publicKey: Uint8Array, dataDir: string = defaultDataDir()): PushPlace {
  const name = join(dataDir, 'push', formatStreamId(publicKey, 'base32'));
  return {
    lockPath: `${name}.lock`,
    markPath: `${name}.mark`,
    batchPath: `${name}.batch`,
    valuesPath: `${name}.values`,
    leasePath: `${name}.lease`,
  };
}

/** Makes the folder. */
export function makePushPlace(dataDir: string = defaultDataDir()): void {
  makeDataDir(join(dataDir, 'push'));
}

/** Reads the lease of a run that did not end. */
export function readLease({ leasePath }: PushPlace): string | undefined {
  const text = readTextIfThere(leasePath, 'the lease');
  return text === undefined || text === '' ? undefined : text;
}

/** Writes down the lease that was given. */
export function writeLease({ leasePath }: PushPlace, lease: string): void {
  try {
    writeSynced(leasePath, lease, 0o600);
  } catch (cause) {
    throw fileError(leasePath, 'cannot write the lease', cause);
  }
}

/** Forgets it. */
export function forgetLease({ leasePath }: PushPlace): void {
  rmSync(leasePath, { force: true });
}
