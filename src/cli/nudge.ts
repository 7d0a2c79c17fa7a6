/** Telling the daemon that a stream file was written, so that it need not find out by itself. */
import { existsSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { controlPathOf } from '../daemon/control-socket.ts';
import type { Session } from './session.ts';

/** A daemon of this machine answers at once; it finds out by itself in 50 ms. */
const PATIENCE_MS = 500;

/**
 * Tells the daemon, where one runs. A courtesy: whatever goes wrong, it notices by itself.
 *
 * @param flags - where `--data-dir` was given
 * @returns where the daemon serves the stream; undefined where none does
 */
export async function nudge(
  session: Session,
  path: string,
  flags: { readonly dataDir?: string | undefined } = {},
): Promise<string | undefined> {
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  if (!existsSync(controlPathOf(dataDir))) return undefined;
  const { findDaemon } = await import('../daemon/control-client.ts');
  try {
    const link = await findDaemon(dataDir, { patienceMs: PATIENCE_MS });
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const changed = await link?.ask({ do: 'changed', path }, { signal });
    return changed?.addresses[0];
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return undefined;
  }
}
