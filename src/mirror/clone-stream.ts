/** A mirror as a library's user has it: fetched, then opened like any stream. */
import { openStream } from '../store/open-stream.ts';
import type { Stream } from '../store/stream.ts';
import { type MirrorOptions, mirrorStream } from './mirror.ts';

/**
 * Mirrors a stream, as {@link mirrorStream}, and opens it for reading.
 *
 * @throws {DrayerError} what {@link mirrorStream} throws
 * @example
 * const stream = await cloneStream({ url: 'http://192.168.1.20:33125/<stream id>' });
 * console.log(stream.get('title'));
 * stream.close();
 */
export async function cloneStream(options: MirrorOptions): Promise<Stream> {
  const { path } = await mirrorStream(options);
  return openStream(path);
}
