/** Which values a mirror holds (R18), as a person says it and is told. */
import { DrayerError } from '../core/errors.ts';
import { isPartial, type ValueMode } from '../store/value-mode.ts';
import { bytes, number } from './format.ts';
import { parseSize } from './parse-size.ts';

/** Flags that choose values. */
export type ValueFlags = {
  readonly metadataOnly?: boolean | undefined;
  readonly newest?: string | undefined;
  readonly types?: string | undefined;
  readonly maxValue?: string | undefined;
  /** Every value again. */
  readonly all?: boolean | undefined;
};

/**
 * Reads the flags.
 *
 * @returns undefined where none is given: it stays as it was
 * @throws {DrayerError} USAGE for what cannot be, or contradicts itself
 */
export function valuesOf(flags: ValueFlags): ValueMode | undefined {
  const mode: ValueMode = {
    metadataOnly: flags.metadataOnly === true ? true : undefined,
    newest: flags.newest === undefined ? undefined : parseNewest(flags.newest),
    types: flags.types === undefined ? undefined : parseTypes(flags.types),
    maxBytes: flags.maxValue === undefined ? undefined : parseMost(flags.maxValue),
  };
  const { metadataOnly, ...others } = mode;
  if (flags.all === true && isPartial(mode)) {
    throw new DrayerError('USAGE', '--all holds every value; the other flags leave some out', {
      hint: 'give --all alone, or leave it out',
    });
  }
  if (metadataOnly === true && isPartial(others)) {
    throw new DrayerError('USAGE', '--metadata-only holds no value, so there is none to choose', {
      hint: 'leave --metadata-only out to hold some',
    });
  }
  return flags.all === true || isPartial(mode) ? mode : undefined;
}

/** `every value`, `no values`, `values of the newest 20 records, of type file, of at most 1.0 MB each`. */
export function describeValues({ metadataOnly, newest, types, maxBytes }: ValueMode): string {
  if (metadataOnly === true || newest === 0) return 'no values';
  const parts = [
    newest === undefined ? '' : `of the newest ${number(newest)} records`,
    types === undefined ? '' : `of type ${types.join(' or ')}`,
    maxBytes === undefined ? '' : `of at most ${bytes(maxBytes)} each`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'every value' : `values ${parts.join(', ')}`;
}

function parseNewest(text: string): number {
  const newest = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (newest !== undefined) return newest;
  throw new DrayerError('USAGE', `--newest: expected a number, got ${JSON.stringify(text)}`, {
    hint: 'such as --newest 100: the values of the hundred newest records',
  });
}

function parseTypes(text: string): string[] {
  const types = text.split(',').map((type) => type.trim());
  if (types.every((type) => type !== '')) return types;
  throw new DrayerError('USAGE', `--types: expected types, got ${JSON.stringify(text)}`, {
    hint: 'with commas between them, such as --types file,publicSocialPost; drayer info lists them',
  });
}

function parseMost(text: string): number {
  const most = parseSize(text);
  if (most !== undefined) return most;
  throw new DrayerError('USAGE', `--max-value: expected a size, got ${JSON.stringify(text)}`, {
    hint: 'such as 500KB or 2MB; values are measured as they are stored, files compressed',
  });
}
