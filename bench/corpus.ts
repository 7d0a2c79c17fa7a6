/**
 * The deterministic corpora every benchmark runs on. The same seed makes the same bytes on every
 * machine, so that figures can be compared and a slow run repeated.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns a generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Makes an HTML page of about `bytes` bytes that compresses like prose (to about a third). */
export function htmlPage(random: () => number, bytes: number, title: string): string {
  const parts = [
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n`,
  ];
  let size = parts[0]?.length ?? 0;
  while (size < bytes - 20) {
    const words = Array.from({ length: 12 + Math.floor(random() * 40) }, () => word(random));
    const paragraph = `<p class="c${Math.floor(random() * 9)}">${words.join(' ')}.</p>\n`;
    parts.push(paragraph);
    size += paragraph.length;
  }
  parts.push('</body></html>\n');
  return parts.join('');
}

/**
 * Writes `count` HTML files of 2–20 KB into a tree of directories; does nothing where it exists.
 *
 * @returns the directory
 */
export function makeHtmlSite(root: string, count: number): string {
  const directory = join(root, `html-${count}`);
  if (existsSync(join(directory, '.complete'))) return directory;
  const random = randomFrom(1);
  for (let i = 0; i < count; i += 1) {
    const folder = join(directory, `section-${i % 20}`, `topic-${i % 100}`);
    if (i < 100) mkdirSync(folder, { recursive: true });
    const page = htmlPage(random, 2048 + Math.floor(random() * 18_432), `Page ${i}`);
    writeFileSync(join(folder, `page-${i}.html`), page);
  }
  writeFileSync(join(directory, '.complete'), '');
  return directory;
}

/**
 * Writes `count` files of 1–8 MB that do not compress, named as photographs; does nothing where it
 * exists.
 *
 * @returns the directory
 */
export function makeMediaSite(root: string, count: number): string {
  const directory = join(root, `media-${count}`);
  if (existsSync(join(directory, '.complete'))) return directory;
  mkdirSync(directory, { recursive: true });
  const random = randomFrom(2);
  for (let i = 0; i < count; i += 1) {
    const words = new Uint32Array(Math.floor((1 + random() * 7) * 262_144));
    for (let w = 0; w < words.length; w += 1) words[w] = random() * 4294967296;
    writeFileSync(join(directory, `photo-${i}.jpg`), new Uint8Array(words.buffer));
  }
  writeFileSync(join(directory, '.complete'), '');
  return directory;
}

const SYLLABLES = 'ka lo mi ne ru sa ti vo pe da shi mar len tor el un is qua ber dan'.split(' ');
const VOCABULARY = makeVocabulary();

function makeVocabulary(): readonly string[] {
  const random = randomFrom(3);
  return Array.from({ length: 3000 }, () => {
    const length = 1 + Math.floor(random() * 4);
    const pick = () => SYLLABLES[Math.floor(random() * SYLLABLES.length)];
    return Array.from({ length }, pick).join('');
  });
}

function word(random: () => number): string {
  // Squaring favours the first words, as in a natural language.
  return VOCABULARY[Math.floor(random() ** 2 * VOCABULARY.length)] ?? 'la';
}
