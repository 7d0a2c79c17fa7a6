/**
 * One stream file as a server holds it: opened when needed, watched for generations that another
 * process commits, and opened anew when another file takes its place.
 */
import { type Stats, statSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { openReader } from '../store/open-reader.ts';
import type { Generation, StreamReader } from '../store/reader.ts';
import {
  noteFoundHere,
  type SignatureState,
  signatureStateOf,
  type Unchecked,
} from '../store/unchecked.ts';
import { MODE_ATTRIBUTE } from '../store/value-mode.ts';

/** A stream file to host. */
export type StreamSource = {
  readonly path: string;
  /** What a person calls it; shown in lists. */
  readonly name?: string | undefined;
  /** The file may come into being later, such as the first generation of a mirror. */
  readonly optional?: boolean | undefined;
};

/** Told of what becomes of a file. */
export type HostedFileEvents = {
  /** It is another stream than before, or none, or its signatures are in another state. */
  readonly onIdentity: () => void;
  /** A connection to it was opened, or closed. */
  readonly onOpen: (isOpen: boolean, file: HostedFile) => void;
};

/** State of one hosted stream file. */
export class HostedFile {
  readonly source: StreamSource;
  /** Modified tip at the last look; 0 until there was one. */
  tip = 0;
  /** Of the records, at the last look. */
  signatures: SignatureState = 'checked';
  /** When it was last asked for, in the owner's count; the lowest is closed first. */
  lastUsed = 0;
  readonly #events: HostedFileEvents;
  #identity: { readonly id: string; readonly publicKey: Uint8Array } | undefined;
  #reader: StreamReader | undefined;
  /** The change counter at the last comparison; undefined asks for one. */
  #counter: number | undefined;
  #state = '';
  #file = '';
  #found: { readonly version: string; readonly unchecked: Unchecked | undefined } | undefined;

  /** @throws {DrayerError} what `openReader` throws; STREAM_NOT_FOUND only when not optional */
  constructor(source: StreamSource, events: HostedFileEvents) {
    this.source = source;
    this.#events = events;
    const reader = this.reader();
    // Opens what is not there, for the error.
    if (reader === undefined && source.optional !== true) openReader(source.path).close();
    try {
      this.poll();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** What the file says of itself; undefined until there is a file. */
  get identity(): { readonly id: string; readonly publicKey: Uint8Array } | undefined {
    return this.#identity;
  }

  /** Whether it holds a connection at the moment. */
  get isOpen(): boolean {
    return this.#reader !== undefined;
  }

  /** The reader, opened if need be; undefined while there is no file. */
  reader(): StreamReader | undefined {
    if (this.#reader === undefined) this.#open();
    return this.#reader;
  }

  /**
   * Returns the generation when it is another than at the last look, or may be told of only now that its
   * signatures are checked; looks only at an open file.
   */
  poll(): Generation | undefined {
    const reader = this.#reader;
    if (reader === undefined) return undefined;
    const counter = reader.changeCounter();
    if (counter === this.#counter) return undefined;
    this.#counter = counter;
    const generation = reader.generation();
    this.tip = generation.tip;
    this.#noteSignatures(signatureStateOf(reader));
    if (this.signatures !== 'checked') return undefined;
    return this.#compare(generation, reader.attribute(MODE_ATTRIBUTE));
  }

  /** Which file is there, and in which state: another one may be put in its place. Empty where there is none. */
  get version(): string {
    return versionOf(this.#file);
  }

  /** What was found by checking the signatures of this one, which the file cannot be made to say. */
  noteFound(version: string, unchecked: Unchecked | undefined): void {
    this.#found = { version, unchecked };
    if (this.#reader !== undefined) this.#noteFoundIn(this.#reader);
    this.#counter = undefined;
  }

  /** Looks at the file itself: has it come, gone, been replaced, or changed while closed? */
  pollFile(): Generation | undefined {
    const file = this.#fingerprint();
    if (file === this.#file) return undefined;
    if (this.#reader?.isCopy === false && inodeOf(file) === inodeOf(this.#file)) {
      // The open connection sees changes by itself.
      this.#file = file;
      return undefined;
    }
    this.release();
    this.reader();
    return this.poll();
  }

  /** Closes the connection; the next use opens another. */
  release(): void {
    if (this.#reader === undefined) return;
    this.#reader.close();
    this.#reader = undefined;
    this.#events.onOpen(false, this);
  }

  #open(): void {
    this.#file = this.#fingerprint();
    this.#counter = undefined;
    if (this.#file === '') {
      this.signatures = 'checked';
      this.#identify(undefined);
      return;
    }
    try {
      const reader = openReader(this.source.path);
      this.#reader = reader;
      this.#noteFoundIn(reader);
      this.#events.onOpen(true, this);
      this.#identify(reader);
    } catch (error) {
      // Gone between the look and the opening.
      if (!isDrayerError(error, 'STREAM_NOT_FOUND')) throw error;
    }
  }

  /** Unless what it reads is not what was checked: a number is given to another file, too. */
  #noteFoundIn(reader: StreamReader): void {
    const { version, unchecked } = this.#found ?? {};
    if (version !== this.version || version !== versionOf(this.#fingerprint())) return;
    noteFoundHere(reader, unchecked);
  }

  #identify(found: { readonly id: string; readonly publicKey: Uint8Array } | undefined): void {
    if (found?.id === this.#identity?.id) return;
    this.#identity = found && { id: found.id, publicKey: found.publicKey };
    this.#events.onIdentity();
  }

  #noteSignatures(found: SignatureState): void {
    if (found === this.signatures) return;
    this.signatures = found;
    this.#events.onIdentity();
  }

  // A mirror may hold other values of the same generation than before (R18).
  #compare(generation: Generation, mode: string | undefined): Generation | undefined {
    const state = `${stateOf(generation)} ${mode}`;
    if (state === this.#state) return undefined;
    this.#state = state;
    return generation;
  }

  #fingerprint(): string {
    const main = statOf(this.source.path);
    if (main === undefined) return '';
    const log = statOf(`${this.source.path}-wal`);
    return `${main.dev}:${main.ino} ${main.mtimeMs}:${main.size} ${log?.mtimeMs}:${log?.size}`;
  }
}

function stateOf(generation: Generation): string {
  const { tip, idTip, count, snapshot } = generation;
  return `${tip} ${idTip} ${count} ${snapshot?.seq}`;
}

/** The file and its size and time, without the log. */
function versionOf(fingerprint: string): string {
  return fingerprint.split(' ', 2).join(' ');
}

function inodeOf(fingerprint: string): string {
  return fingerprint.slice(0, fingerprint.indexOf(' '));
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}
