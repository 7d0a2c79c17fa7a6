/**
 * The value of the record `drayer`/`provenance`: which commit a generation was made from, and where. It is
 * what the publisher says, signed like everything else, and no more than that.
 */
import { DrayerError } from '../core/errors.ts';
import { MsgpackWriter } from '../core/msgpack-writer.ts';
import { decodeObject } from './values.ts';

/** Where a generation comes from; at least one field is there. */
export type Provenance = {
  /** Id of the commit, hex. */
  readonly commit?: string | undefined;
  /** What built it: the name of a workflow or a pipeline. */
  readonly workflow?: string | undefined;
  /** Address of that run, http or https. */
  readonly run?: string | undefined;
  /** Address of the repository, http or https. */
  readonly repository?: string | undefined;
};

const VERSION = 1;
const FIELDS = ['commit', 'workflow', 'run', 'repository'] as const;
const MOST_CHARACTERS = 2048;

/**
 * Encodes a provenance. The same one always gives the same bytes.
 *
 * @throws {DrayerError} USAGE when a field is too long, no hex or no address without a password
 */
export function encodeProvenance(provenance: Provenance): Uint8Array {
  const fields = FIELDS.flatMap((name) => {
    const text = provenance[name];
    return text === undefined ? [] : [{ name, text: checkField(name, text) }];
  });
  const writer = new MsgpackWriter()
    .map(fields.length + 1)
    .str('v')
    .int(VERSION);
  for (const { name, text } of fields) writer.str(name).str(text);
  return writer.finish().slice();
}

/**
 * Decodes a provenance. Fields that are not understood are left out: anybody may have written it.
 *
 * @returns undefined when nothing of it can be understood
 */
export function decodeProvenance(value: Uint8Array): Provenance | undefined {
  const object = readObject(value);
  const found = FIELDS.flatMap((name) => {
    const text = object?.[name];
    return typeof text === 'string' && findFault(name, text) === undefined ? [[name, text]] : [];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function checkField(name: (typeof FIELDS)[number], text: string): string {
  const fault = findFault(name, text);
  if (fault === undefined) return text;
  // Not the text: an address with a password in it must not be printed.
  throw new DrayerError('USAGE', `provenance: expected ${name} to be ${fault}`);
}

function findFault(name: (typeof FIELDS)[number], text: string): string | undefined {
  if (text === '' || text.length > MOST_CHARACTERS || !text.isWellFormed()) {
    return `a text of 1 to ${MOST_CHARACTERS} characters`;
  }
  if (name === 'workflow') return undefined;
  if (name === 'commit') return /^[0-9a-f]{7,64}$/i.test(text) ? undefined : 'a commit id in hex';
  return isPlainAddress(text) ? undefined : 'an http address without a user name';
}

function isPlainAddress(text: string): boolean {
  if (!/^https?:\/\/[^\s]+$/i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

function readObject(value: Uint8Array): { readonly [name: string]: unknown } | undefined {
  try {
    const object = decodeObject(value);
    const isMap = typeof object === 'object' && object !== null && !Array.isArray(object);
    return isMap ? { ...object } : undefined;
  } catch (error) {
    if (error instanceof DrayerError) return undefined;
    throw error;
  }
}
