/**
 * The large values of which only a part has come, in a folder beside the mirror, `X.stream.part-values`: a
 * file for each value under way, so that a process that is killed, and a power cut, cost its last moment
 * and not the value. They save time and nothing else: what goes wrong here is no fault of the mirror.
 */
import {
  close,
  existsSync,
  fsync,
  lstatSync,
  mkdirSync,
  open,
  readdirSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDrayerError } from '../core/errors.ts';
import { PartFile, type Piece } from './part-file.ts';

/** Path of the folder of the stream at `streamPath`. */
export function partValuesPathOf(streamPath: string): string {
  return `${streamPath}.part-values`;
}

/** A file is named after the hash of its value, and after who brought all of it where that is known. */
const NAME = /^[0-9a-f]{64}(\.[0-9a-f]{16})?$/;
const HASH_LETTERS = 64;
/** Says that a value was put together wrongly, while nobody has brought anything of it alone. */
const DOUBT = '0'.repeat(16);

/** So many at most: what is not under way, because its sources broke off, gives way to what is. */
const MOST_FILES = 32;

/** The values of one mirror that are under way. Makes no file before there is something to keep. */
export class PartValues {
  readonly #folder: string;
  /** Bytes of each as far as it was opened, once it was looked what there is. */
  #held: Map<string, number> | undefined;
  readonly #open = new Map<string, PartFile>();
  #isStopped = false;
  #isSyncing = false;
  #isNewFolder = false;

  constructor(streamPath: string) {
    this.#folder = partValuesPathOf(streamPath);
  }

  /** Bytes that are here of the values that were begun, or gone on with. */
  get bytes(): number {
    let bytes = 0;
    for (const one of this.#held?.values() ?? []) bytes += one;
    return bytes;
  }

  /** Whether nothing is here. */
  get isEmpty(): boolean {
    return this.#look().size === 0;
  }

  /** Whether something of a value is here. */
  has(hash: Uint8Array): boolean {
    return !this.isEmpty && this.#namesOf(hash).length > 0;
  }

  /** Whether what several sources brought of a value was wrong once: it is to come from one alone. */
  isDoubted(hash: Uint8Array): boolean {
    return !this.isEmpty && this.#namesOf(hash).some((name) => name.length > HASH_LETTERS);
  }

  /** Notes that, if anything of the value is here; what several have brought is removed. */
  doubt(hash: Uint8Array): void {
    if (this.#isStopped || !this.has(hash) || this.isDoubted(hash)) return;
    const name = nameOf(hash, DOUBT);
    try {
      writeFileSync(join(this.#folder, name), '', { flag: 'wx', mode: 0o600 });
      this.#look().set(name, 0);
    } catch {
      // It costs time only.
    }
    this.drop(hash);
  }

  /**
   * What is here of a value; undefined where that is nothing. A file of something else is removed.
   *
   * @param by - who brought all of it, 16 hexadecimal digits; by default whoever did
   */
  find(hash: Uint8Array, by?: string): PartFile | undefined {
    const name = nameOf(hash, by);
    if (this.isEmpty || !this.#look().has(name)) return undefined;
    try {
      const file = this.#open.get(name) ?? PartFile.open(join(this.#folder, name), hash);
      if (file === undefined) this.#remove(name);
      else this.#note(name, file);
      return file;
    } catch {
      // It cannot be read now.
      return undefined;
    }
  }

  /** Keeps pieces of a value of so many bytes; nothing any more once the disk has had no room for it. */
  keep(hash: Uint8Array, size: number, pieces: readonly Piece[], by?: string): void {
    if (this.#isStopped) return;
    const name = nameOf(hash, by);
    try {
      let file = this.find(hash, by);
      if (file !== undefined && file.size !== size) this.#remove(name);
      if (file?.size !== size) file = this.#create(name, { hash, size });
      this.#note(name, file);
      file.add(pieces);
      this.#note(name, file);
    } catch {
      // What is here already may be gone on with.
      this.#isStopped = true;
    }
  }

  /** Has the disk take what was kept, one file after the other, without waiting for it. */
  sync(): void {
    if (this.#isSyncing) return;
    this.#isSyncing = true;
    const files = [...this.#open.values()];
    const next = (): void => {
      const file = files.pop();
      if (file !== undefined) file.sync(next);
      else if (this.#isNewFolder) this.#syncFolders();
      else this.#isSyncing = false;
    };
    next();
  }

  /** Stores whole values, and lets go of what was kept of them once that is done. */
  storing(hashes: readonly Uint8Array[], store: () => void): void {
    const isHeld = hashes.some((hash) => this.has(hash));
    try {
      store();
    } catch (error) {
      if (!isHeld || !isDrayerError(error, 'STORAGE_FAILED')) throw error;
      // They may have taken the room that the whole needs.
      this.giveUp();
      store();
    }
    if (isHeld) for (const hash of hashes) this.remove(hash);
  }

  /** Removes what is here of a value. */
  remove(hash: Uint8Array): void {
    if (!this.isEmpty) for (const name of this.#namesOf(hash)) this.#remove(name);
  }

  /** Removes what one has brought of it alone; by default what came from whoever. */
  drop(hash: Uint8Array, by?: string): void {
    const name = nameOf(hash, by);
    if (!this.isEmpty && this.#look().has(name)) this.#remove(name);
  }

  /** Removes what is here of values that nobody wants any more. */
  keepOnly(isWanted: (hash: Uint8Array) => boolean): void {
    for (const name of [...this.#look().keys()]) {
      if (!isWanted(Buffer.from(name.slice(0, HASH_LETTERS), 'hex'))) this.#remove(name);
    }
  }

  /** Keeps nothing any more, nor what is here: the room is wanted for what is whole. */
  giveUp(): void {
    this.#isStopped = true;
    this.keepOnly(() => false);
  }

  /** Closes the files; they stay, to be gone on with. */
  close(): void {
    for (const file of this.#open.values()) file.close();
    this.#open.clear();
  }

  #create(
    name: string,
    { hash, size }: { readonly hash: Uint8Array; readonly size: number },
  ): PartFile {
    if (this.#look().size >= MOST_FILES) this.#makeRoom();
    if (this.isEmpty) {
      mkdirSync(this.#folder, { mode: 0o700, recursive: true });
      if (!isFolder(this.#folder)) throw new Error('a link leads elsewhere');
      this.#isNewFolder = true;
    }
    const path = join(this.#folder, name);
    this.#look().set(name, 0);
    // Of another process at the same value: what both bring is of use to both.
    const other = existsSync(path) ? PartFile.open(path, hash) : undefined;
    if (other?.size === size) return other;
    other?.close();
    rmSync(path, { force: true });
    return PartFile.create(path, hash, size);
  }

  #note(name: string, file: PartFile): void {
    this.#open.set(name, file);
    this.#look().set(name, file.bytes);
  }

  #makeRoom(): void {
    for (const name of [...this.#look().keys()]) {
      if (this.#look().size < MOST_FILES) return;
      if (!this.#open.has(name)) this.#remove(name);
    }
  }

  #namesOf(hash: Uint8Array): string[] {
    const start = nameOf(hash);
    return [...this.#look().keys()].filter((name) => name.startsWith(start));
  }

  #look(): Map<string, number> {
    this.#held ??= new Map(namesIn(this.#folder).map((name) => [name, 0]));
    return this.#held;
  }

  #remove(name: string): void {
    this.#open.get(name)?.close();
    this.#open.delete(name);
    this.#look().delete(name);
    try {
      rmSync(join(this.#folder, name), { force: true });
      if (this.isEmpty) rmdirSync(this.#folder);
    } catch {
      // Another process has something in it, or nothing can be removed here.
    }
  }

  /** The files have a name only once the disk has their folder, and the folder once it has that above it. */
  #syncFolders(): void {
    this.#isNewFolder = false;
    syncFolder(this.#folder, () => {
      syncFolder(dirname(this.#folder), () => {
        this.#isSyncing = false;
      });
    });
  }
}

function nameOf(hash: Uint8Array, by?: string): string {
  const name = Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex');
  return by === undefined ? name : `${name}.${by}`;
}

function namesIn(folder: string): string[] {
  try {
    // Most often there is none, and no error is made of that.
    if (!isFolder(folder)) return [];
    return readdirSync(folder).filter((name) => NAME.test(name));
  } catch {
    // What cannot be read is of no use.
    return [];
  }
}

/** Not where a link leads: the files there are somebody else's. */
function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function syncFolder(path: string, done: () => void): void {
  open(path, 'r', (error, folder) => {
    // Windows cannot open a folder.
    if (error === null) fsync(folder, () => close(folder, done));
    else done();
  });
}
