/**
 * The thread that copies large values out of stream files: reading 50 MB out of SQLite takes a quarter of
 * a second, in which nobody else would be answered. It looks a value up by its hash, over a connection
 * of its own, which it keeps for a moment, for the next.
 */
import { statSync, writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { isDrayerError } from '../core/errors.ts';
import { openReader } from '../store/open-reader.ts';
import type { StreamReader } from '../store/reader.ts';
import { factsOf } from './spool-file.ts';
import type { FetchAnswer, FetchJob } from './value-thread.ts';

const KEPT_MS = 1_000;

let kept: { readonly file: string; readonly reader: StreamReader } | undefined;
let closing: NodeJS.Timeout | undefined;

parentPort?.on('message', (job: FetchJob) => {
  const { answer, transfer } = answerTo(job);
  parentPort?.postMessage(answer, transfer);
});

function answerTo(job: FetchJob): { answer: FetchAnswer; transfer: ArrayBuffer[] } {
  try {
    const value = readValue(job);
    if (value === undefined) return { answer: { kind: 'gone' }, transfer: [] };
    const facts = factsOf(value);
    if (job.fd !== undefined && isWritten(job.fd, value)) {
      return { answer: { kind: 'done', facts }, transfer: [] };
    }
    // A copy of its own, whose memory can be handed over.
    const bytes = new Uint8Array(value);
    return { answer: { kind: 'done', facts, bytes }, transfer: [bytes.buffer] };
  } catch (error) {
    release();
    const code = isDrayerError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    return { answer: { kind: 'failed', code, message }, transfer: [] };
  }
}

function readValue({ path, hash }: FetchJob): Uint8Array | undefined {
  const reader = readerOf(path);
  return reader.reading(() => {
    const record = reader.findByHash(hash);
    return record && reader.readValue(record);
  });
}

/** Another file may take the place of one at any time. */
function readerOf(path: string): StreamReader {
  const { dev, ino } = statSync(path);
  const file = `${path} ${dev}:${ino}`;
  if (kept?.file !== file) {
    release();
    kept = { file, reader: openReader(path) };
  }
  clearTimeout(closing);
  closing = setTimeout(release, KEPT_MS);
  return kept.reader;
}

function release(): void {
  clearTimeout(closing);
  kept?.reader.close();
  kept = undefined;
}

/** Not where the disk is full. */
function isWritten(fd: number, value: Uint8Array): boolean {
  try {
    for (let at = 0; at < value.length; ) at += writeSync(fd, value, at, value.length - at, at);
    return true;
  } catch {
    return false;
  }
}
