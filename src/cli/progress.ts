/**
 * Progress of what takes longer than a second: a line on a terminal, redrawn in place and erased at
 * the end; elsewhere nothing, since a log wants the result and not the way to it.
 */
import type { Terminal } from './terminal.ts';

const PATIENCE_MS = 1000;
const REDRAW_MS = 100;
const WIDTH = 24;

/** A running progress line. */
export type Progress = {
  /**
   * Shows a new state; `done` and `total` in the same unit, total 0 when unknown. A text that is worth it is
   * made only where it is shown.
   */
  update(text: string | (() => string), done?: number, total?: number): void;
  /** Erases the line. Idempotent. */
  finish(): void;
};

/** Starts a progress line; nothing is drawn during the first second. */
export function startProgress(
  terminal: Terminal,
  clockMs: () => number = () => performance.now(),
): Progress {
  const started = clockMs();
  let drawn: number | undefined;
  return {
    update(text, done = 0, total = 0) {
      const now = clockMs();
      if (!terminal.isLive || now - started < PATIENCE_MS) return;
      if (drawn !== undefined && now - drawn < REDRAW_MS) return;
      drawn = now;
      const columns = process.stderr.columns ?? 80;
      const shown = typeof text === 'string' ? text : text();
      const line = `drayer: ${bar(done, total)}${shown}${timeLeft(done, total, now - started)}`;
      terminal.draw(`\r\u001b[2K${line.slice(0, columns - 1)}`);
    },
    finish() {
      if (drawn === undefined) return;
      drawn = undefined;
      terminal.draw('\r\u001b[2K');
    },
  };
}

function bar(done: number, total: number): string {
  if (total <= 0) return '';
  const filled = Math.round(WIDTH * Math.min(1, done / total));
  return `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} `;
}

function timeLeft(done: number, total: number, ms: number): string {
  if (total <= 0 || done <= 0) return '';
  const seconds = Math.ceil(((total - done) / done) * (ms / 1000));
  return seconds < 60 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`;
}
