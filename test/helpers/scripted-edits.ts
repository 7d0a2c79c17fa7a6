/**
 * Edits of a folder as people, editors and generators make them, beside a shadow copy in memory of what
 * the folder should then hold. Every file ends in a line with the checksum of what is before it, so that
 * half a file can be told from a whole one.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from './scale.ts';

/** The folder, and what it should hold. */
export type EditedFolder = {
  readonly root: string;
  readonly random: Random;
  /** Site path to content. */
  readonly shadow: Map<string, string>;
  /** How long a writer pauses in the middle, ms; to be well below the time to settle. */
  readonly pauseMs: number;
  /** While it is set, hints are lost. */
  isDeaf: boolean;
};

/** One kind of edit. May leave the folder as it was; returns when its last write is done. */
export type Edit = (folder: EditedFolder) => void | Promise<void>;

/** A content of about `lines` lines, with its checksum. */
export function sealed(random: Random, lines = 1 + random.below(40)): string {
  const body = Array.from({ length: lines }, () => `<p>${random.below(2 ** 30)}</p>\n`).join('');
  return `${body}${sumOf(body)}\n`;
}

/** Tells whether a content is whole. */
export function isWhole(content: string): boolean {
  const end = content.lastIndexOf('\n', content.length - 2) + 1;
  return content.slice(end) === `${sumOf(content.slice(0, end))}\n`;
}

/** Writes the shadow into the folder, which need not be there. */
export function writeShadow({ root, shadow }: EditedFolder): void {
  mkdirSync(root, { recursive: true });
  for (const [path, content] of shadow) put(root, path, content);
}

/** All kinds, by name. */
export const EDITS: Readonly<Record<string, Edit>> = {
  'a new file': (f) => write(f, newPath(f)),
  'a new file in new folders': (f) => write(f, `${newName(f)}/${newName(f)}/${newPath(f)}`),
  'a file written over': (f) => write(f, anyPath(f)),
  'an atomic save': (f) => {
    const path = anyPath(f);
    writeFileSync(join(f.root, `${path}.tmp`), set(f, path));
    renameSync(join(f.root, `${path}.tmp`), join(f.root, path));
  },
  'a file that grows': async (f) => {
    const path = newPath(f);
    await writeSlowly(f, path, set(f, path, sealed(f.random, 60)));
  },
  'a file that is rewritten slowly': async (f) => {
    const path = anyPath(f);
    await writeSlowly(f, path, set(f, path, sealed(f.random, 60)));
  },
  'a file emptied, then filled': async (f) => {
    const path = anyPath(f);
    truncateSync(join(f.root, path), 0);
    await wait(f.pauseMs);
    writeFileSync(join(f.root, path), set(f, path));
  },
  'an edit in vim': async (f) => {
    const path = anyPath(f);
    const [swap, backup] = [besideOf(path, '.', '.swp'), `${path}~`];
    writeFileSync(join(f.root, swap), 'swap');
    writeFileSync(join(f.root, dirname(path), '4913'), '');
    rmSync(join(f.root, dirname(path), '4913'));
    renameSync(join(f.root, path), join(f.root, backup));
    await wait(f.pauseMs);
    writeFileSync(join(f.root, path), set(f, path));
    rmSync(join(f.root, backup));
    rmSync(join(f.root, swap));
  },
  'an edit in emacs': async (f) => {
    const path = anyPath(f);
    const lock = join(f.root, besideOf(path, '.#', ''));
    symlinkSync('somebody@machine.1234', lock);
    await wait(f.pauseMs);
    write(f, path);
    rmSync(lock);
  },
  'a file deleted': (f) => {
    const path = anyPath(f);
    rmSync(join(f.root, path));
    f.shadow.delete(path);
  },
  'a file renamed': (f) => move(f, anyPath(f), newPath(f)),
  'a file touched': (f) => utimesSync(join(f.root, anyPath(f)), new Date(), new Date()),
  'a mode changed': (f) => chmodSync(join(f.root, anyPath(f)), f.random.oneIn(2) ? 0o644 : 0o664),
  'many files at once': (f) => {
    for (let i = 0; i < 30; i += 1) write(f, f.random.oneIn(3) ? anyPath(f) : newPath(f));
  },
  'a folder renamed': (f) => {
    const folder = anyFolder(f);
    if (folder !== undefined) move(f, folder, newName(f));
  },
  'a folder renamed and edited': async (f) => {
    const folder = anyFolder(f);
    if (folder === undefined) return;
    const to = newName(f);
    move(f, folder, to);
    await wait(f.pauseMs);
    for (const path of below(f, to)) write(f, path);
  },
  'a folder deleted': (f) => {
    const folder = anyFolder(f);
    if (folder === undefined || below(f, folder).length * 3 > f.shadow.size) return;
    rmSync(join(f.root, folder), { recursive: true });
    for (const path of below(f, folder)) f.shadow.delete(path);
  },
  'a folder replaced in a moment': (f) => {
    const folder = anyFolder(f);
    if (folder === undefined) return;
    rmSync(join(f.root, folder), { recursive: true });
    for (const path of below(f, folder)) write(f, path);
  },
  'two folders swapped': (f) => {
    const [a, b] = folders(f);
    if (a === undefined || b === undefined) return;
    move(f, a, 'between');
    move(f, b, a);
    move(f, 'between', b);
  },
  'a file becomes a folder': (f) => {
    const path = anyPath(f);
    rmSync(join(f.root, path));
    f.shadow.delete(path);
    write(f, `${path}/index.html`);
  },
  'a generator clears the folder and builds anew': async (f) => {
    for (const name of tops(f)) rmSync(join(f.root, name), { recursive: true });
    // It thinks for longer than the time to settle.
    await wait(f.pauseMs * 8);
    await build(f);
  },
  'a generator removes the folder itself': async (f) => {
    rmSync(f.root, { recursive: true });
    await wait(f.pauseMs * 8);
    mkdirSync(f.root);
    await build(f);
  },
  'an edit nobody hints at': (f) => {
    f.isDeaf = true;
    write(f, anyPath(f));
  },
};

function write(folder: EditedFolder, path: string): void {
  put(folder.root, path, set(folder, path));
}

function set({ shadow, random }: EditedFolder, path: string, content = sealed(random)): string {
  shadow.set(path, content);
  return content;
}

function put(root: string, path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

async function writeSlowly(
  { root, random, pauseMs }: EditedFolder,
  path: string,
  content: string,
): Promise<void> {
  writeFileSync(join(root, path), '');
  for (let at = 0; at < content.length; ) {
    const next = at + 1 + random.below(content.length / 2);
    appendFileSync(join(root, path), content.slice(at, next));
    at = next;
    if (at < content.length) await wait(pauseMs);
  }
}

async function build(folder: EditedFolder): Promise<void> {
  set(folder, anyPath(folder));
  for (const [i, [path, content]] of [...folder.shadow].entries()) {
    put(folder.root, path, content);
    if (i % 10 === 0) await wait(folder.pauseMs);
  }
}

/** Moves a file or a folder, on disk and in the shadow. */
function move(folder: EditedFolder, from: string, to: string): void {
  renameSync(join(folder.root, from), join(folder.root, to));
  for (const [path, content] of [...folder.shadow]) {
    if (path !== from && !path.startsWith(`${from}/`)) continue;
    folder.shadow.delete(path);
    folder.shadow.set(to + path.slice(from.length), content);
  }
}

function below({ shadow }: EditedFolder, folder: string): string[] {
  return [...shadow.keys()].filter((path) => path.startsWith(`${folder}/`));
}

function tops({ shadow, root }: EditedFolder): Set<string> {
  const names = [...shadow.keys()].map((path) => path.split('/', 1)[0] ?? '');
  return new Set(names.filter((name) => existsSync(join(root, name))));
}

function folders(folder: EditedFolder): string[] {
  return [...tops(folder)].filter((name) => below(folder, name).length > 0);
}

function anyFolder(folder: EditedFolder): string | undefined {
  const all = folders(folder);
  return all.length === 0 ? undefined : folder.random.pick(all);
}

function anyPath({ random, shadow }: EditedFolder): string {
  return random.pick([...shadow.keys()]);
}

function newPath(folder: EditedFolder): string {
  const inside = folder.random.oneIn(2) ? anyFolder(folder) : undefined;
  const name = `${newName(folder)}.html`;
  return inside === undefined ? name : `${inside}/${name}`;
}

function newName({ random }: EditedFolder): string {
  return `n${random.below(2 ** 31).toString(36)}`;
}

function besideOf(path: string, before: string, after: string): string {
  const name = `${before}${path.slice(path.lastIndexOf('/') + 1)}${after}`;
  return dirname(path) === '.' ? name : `${dirname(path)}/${name}`;
}

function sumOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
