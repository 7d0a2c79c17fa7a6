/**
 * The public API of drayer, in the order in which one meets it. Everything else is internal and may
 * change without notice.
 */

export type { DrayerConfig, StreamConfig } from './config/config-schema.ts';
export { createProject, listTemplates } from './config/create-project.ts';
export { defineConfig } from './config/define-config.ts';
export type { Config, ConfiguredStream, LoadConfigOptions } from './config/load-config.ts';
export { loadConfig } from './config/load-config.ts';
export type { ErrorCode, ErrorDetail } from './core/errors.ts';
export { DrayerError, isDrayerError } from './core/errors.ts';
