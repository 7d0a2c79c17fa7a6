/** Which values one mirror wants (R18): what was chosen, now or earlier, and where that is kept. */
import { PROTOCOL_TYPE } from '../core/record.ts';
import { nameOfHash } from './hash-name.ts';
import { openHeldValues } from './held-values.ts';
import type { LocalAttributes } from './local-attributes.ts';
import type { StreamReader } from './reader.ts';
import type { Staging } from './staging.ts';
import {
  EVERYTHING,
  formatHeldMode,
  type HeldMode,
  isPartial,
  isSameMode,
  MODE_ATTRIBUTE,
  type ModeRecord,
  parseHeldMode,
  type ValueMode,
  wantedHashes,
} from './value-mode.ts';

/** The choice of one run, on one mirror. */
export class ValueChoice {
  /** Values that were found to have more bytes than the mode takes, by this run; bytes by hash. */
  readonly large: Map<string, number> = new Map();
  #mode: ValueMode | undefined;
  /** Values of the protocol's own records, whatever their size. */
  readonly #own = new Set<string>();

  /** @param chosen - by default what was chosen last, of a new mirror everything */
  constructor(chosen: ValueMode | undefined) {
    this.#mode = chosen;
  }

  /** Which values are wanted. */
  get mode(): ValueMode {
    return this.#mode ?? EVERYTHING;
  }

  /** Most bytes that are wanted of a value. */
  mostOf(hash: Uint8Array): number {
    if (this.#own.has(nameOfHash(hash))) return Number.POSITIVE_INFINITY;
    return this.mode.maxBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Keeps it with a generation that is visible, at once: a run that fails forgets nothing. */
  keepVisible(path: string, visible: StreamReader | undefined): void {
    const held = heldModeOf(visible)?.mode;
    this.#mode ??= held;
    if (visible === undefined || isSameMode(this.mode, held ?? EVERYTHING)) return;
    const values = openHeldValues(path);
    try {
      values.setMode(chosenNow(this.mode));
    } finally {
      values.close();
    }
  }

  /** Keeps it in the file that becomes the stream file. */
  keepStaged(local: LocalAttributes): void {
    const held = parseHeldMode(local.get(MODE_ATTRIBUTE))?.mode;
    this.#mode ??= held;
    if (isSameMode(this.mode, held ?? EVERYTHING)) return;
    const text = isPartial(this.mode) ? formatHeldMode(chosenNow(this.mode)) : undefined;
    local.set(MODE_ATTRIBUTE, text);
  }

  /** The hashes whose values are wanted for what is staged, and neither there nor visible (R17). */
  wanted(staging: Staging, visible: StreamReader | undefined): Uint8Array[] {
    const { mode } = this;
    const missing = staging.missing().filter(({ hash }) => !isHeld(visible, hash));
    for (const { type, hash } of missing)
      if (type === PROTOCOL_TYPE) this.#own.add(nameOfHash(hash));
    const hashes = new Map(missing.map(({ hash }) => [nameOfHash(hash), hash]));
    const records = mode.newest === undefined ? missing : nextRecords(staging, visible);
    const wanted = wantedHashes(mode, hashes.size === 0 ? [] : records);
    return [...hashes]
      .filter(([name]) => wanted.has(name) && !this.large.has(name))
      .map(([, hash]) => hash);
  }
}

/** What is kept with a stream file; undefined where it is whole, or no mirror. */
export function heldModeOf(reader: StreamReader | undefined): HeldMode | undefined {
  return parseHeldMode(reader?.attribute(MODE_ATTRIBUTE));
}

function isHeld(visible: StreamReader | undefined, hash: Uint8Array): boolean {
  const record = visible?.findByHash(hash);
  return record !== undefined && visible?.valueSize(record) !== undefined;
}

function* nextRecords(
  staging: Staging,
  visible: StreamReader | undefined,
): Generator<ModeRecord, void> {
  const staged = staging.heads();
  yield* staged;
  if (staging.base.kind !== 'next' || visible === undefined) return;
  const gone = new Set([...staging.removed(), ...staged.map(({ id }) => id)]);
  for (let after = 0, length = PAGE; length === PAGE; ) {
    const page = visible.recordsSince(after, PAGE);
    for (const record of page) if (!gone.has(record.id)) yield record;
    after = page.at(-1)?.modified ?? after;
    length = page.length;
  }
}

const PAGE = 512;

function chosenNow(mode: ValueMode): HeldMode {
  return { mode, since: Date.now() * 1000, settled: 0 };
}
