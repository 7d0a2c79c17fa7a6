/**
 * Keeps the process of the DHT: with a memory limit of its own, ended when it does not answer, and begun
 * again after every end, later each time. Whatever strangers do to it, the parent goes on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DhtOrder } from './dht-messages.ts';

/** What a {@link DhtProcess} is told. */
export type DhtProcessOptions = {
  /** Limit of its JavaScript heap, MB. Default 64. */
  readonly memoryMb?: number | undefined;
  /** Between two questions whether it is alive, ms; after three without an answer it is ended. Default 5,000. */
  readonly aliveMs?: number | undefined;
  /** Time to its next begin after its first end, ms; twice as long each time. Default 1,000. */
  readonly againMs?: number | undefined;
  /** It has begun, with nothing in it. */
  readonly onBegin: () => void;
  readonly onMessage: (message: unknown) => void;
  /** It has ended, and begins again after `againMs`. */
  readonly onEnd: (how: string, againMs: number) => void;
};

const MEMORY_MB = 64;
const ALIVE_MS = 5_000;
const UNANSWERED = 3;
/** To load what it needs. */
const BEGIN_MS = 60_000;
const AGAIN_MS = 1_000;
const LONGEST_MS = 300_000;
/** After so long without an end the next one counts as the first. */
const GOOD_MS = 600_000;
const CLOSE_MS = 1_000;

/** A process that is always there again. */
export class DhtProcess {
  readonly #options: DhtProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #isClosed = false;
  #ends = 0;
  #heardMs = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(options: DhtProcessOptions) {
    this.#options = options;
  }

  /** Begins; where the system lets no process begin, it tries again as after an end. */
  begin(): void {
    const { memoryMb = MEMORY_MB, onBegin } = this.#options;
    const [file, loader] = whereChild();
    let child: ChildProcess;
    try {
      child = fork(file, [], {
        execArgv: [`--max-old-space-size=${memoryMb}`, ...loader],
        env: environment(),
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#afterEnd(error.message);
      return;
    }
    this.#child = child;
    this.#ended = this.#watch(child);
    onBegin();
  }

  /** Its id; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Sends it something; nothing while it is not there. */
  tell(order: DhtOrder): void {
    if (this.#child?.connected) this.#child.send(order, () => {});
  }

  /** Ends it for good. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#again);
    const child = this.#child;
    if (child === undefined) return;
    this.tell({ do: 'close' });
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Listens to it, and asks whether it is alive; resolves when it has ended, or has not begun at all. */
  #watch(child: ChildProcess): Promise<void> {
    const { aliveMs = ALIVE_MS, onMessage } = this.#options;
    const begunMs = performance.now();
    this.#heardMs = begunMs + BEGIN_MS;
    const timer = setInterval(() => {
      if (performance.now() - this.#heardMs > UNANSWERED * aliveMs) child.kill('SIGKILL');
      else this.tell({ do: 'ping' });
    }, aliveMs);
    child.on('message', (message) => {
      this.#heardMs = performance.now();
      if (!this.#isClosed) onMessage(message);
    });
    return new Promise((resolve) => {
      const end = (how: string): void => {
        clearInterval(timer);
        if (performance.now() - begunMs > GOOD_MS) this.#ends = 0;
        this.#afterEnd(how);
        resolve();
      };
      child.on('error', (error) => {
        // No end will be told of what has not begun. Otherwise one is; what was to be sent is lost.
        if (child.pid === undefined) end(error.message);
      });
      child.once('exit', (status, signal) => end(signal ?? `status ${status}`));
    });
  }

  #afterEnd(how: string): void {
    this.#child = undefined;
    if (this.#isClosed) return;
    const { againMs = AGAIN_MS, onEnd } = this.#options;
    const usualMs = Math.min(LONGEST_MS, againMs * 2 ** Math.min(this.#ends, 20));
    const waitMs = Math.round(usualMs * (0.8 + 0.4 * Math.random()));
    this.#ends += 1;
    this.#again = setTimeout(() => this.begin(), waitMs);
    onEnd(how, waitMs);
  }
}

/** Its code: as it was built, or the sources as they are. */
function whereChild(): readonly [file: string, loader: readonly string[]] {
  if (!import.meta.url.endsWith('.ts')) {
    return [fileURLToPath(new URL('./dht-child.js', import.meta.url)), []];
  }
  const loader = ['--conditions=source', '--import', import.meta.resolve('tsx')];
  return [fileURLToPath(new URL('./dht-child.ts', import.meta.url)), loader];
}

/** What a process needs to begin; no passphrases, no tokens. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'TZ', 'DRAYER_CRYPTO'];
  const entries = names.map((name) => [name, process.env[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
