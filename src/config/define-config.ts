/** The one function a drayer.config.ts calls. It does nothing but give the editor a type. */
import type { DrayerConfig } from './config-schema.ts';

/**
 * Returns its argument, so that an editor completes and checks the fields of drayer.config.ts.
 *
 * @example
 * ```ts
 * import { defineConfig } from 'drayer';
 *
 * export default defineConfig({ directory: 'site', lan: true });
 * ```
 */
export function defineConfig(config: DrayerConfig): DrayerConfig {
  return config;
}
