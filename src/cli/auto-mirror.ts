/** `--auto-mirror nearby`: what it will take, said before it does; then what it takes and leaves. */
import type { Config } from '../config/load-config.ts';
import type { Settings } from '../config/settings.ts';
import { DrayerError } from '../core/errors.ts';
import type { AutoEvents, AutoLimits } from '../daemon/auto-mirror.ts';
import { bytes } from './format.ts';
import type { Log } from './log.ts';
import { visible } from './terminal.ts';

/**
 * Settles what is taken unasked: a flag, else the config.
 *
 * @returns undefined where nothing is
 * @throws {DrayerError} USAGE where nothing could be heard, or not everything is served
 */
export function autoMirrorOf(
  flag: 'nearby' | undefined,
  { autoMirror }: Pick<Config, 'autoMirror'>,
  { lan, isAll }: Pick<Settings, 'lan'> & { readonly isAll: boolean },
): AutoLimits | undefined {
  if (flag === undefined && autoMirror === undefined) return undefined;
  // In the config it is a wish for when everything is served on the network.
  if (flag === undefined && !(lan && isAll)) return undefined;
  if (!lan) throw new DrayerError('USAGE', '--auto-mirror: nothing is heard without --lan');
  if (!isAll) {
    throw new DrayerError('USAGE', '--auto-mirror is for serving all streams, not named ones', {
      hint: 'drayer serve --lan --auto-mirror nearby',
    });
  }
  return typeof autoMirror === 'object' ? autoMirror : {};
}

/** Tells of it in the log. */
export function autoEvents(log: Pick<Log, 'info' | 'warn'>): AutoEvents {
  return {
    onBegin: ({ streams, streamBytes, totalBytes, freeBytes }) => {
      const most = `at most ${streams} streams of ${bytes(streamBytes)}, ${bytes(totalBytes)} in all`;
      const line = `mirroring what is heard on this network, without a question: ${most}, while ${bytes(freeBytes)} stay free on the disk`;
      log.info({ event: 'auto', streams, streamBytes, totalBytes, freeBytes }, line);
    },
    onTaken: (id, url, taken) => {
      const line = `${id} was heard of at ${visible(url)} and is mirrored now, ${bytes(taken)}`;
      log.info({ event: 'auto-taken', id, url, bytes: taken }, line);
    },
    onFailed: (id, url, { code, message }) => {
      log.info({ event: 'auto-failed', id, url, code }, `${id} is not taken: ${visible(message)}`);
    },
    onFull: (reason) => {
      log.warn({ event: 'auto-full', reason }, `no more is mirrored unasked: ${reason}`);
    },
  };
}
