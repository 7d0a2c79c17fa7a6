/** A test's own directory and teardown: what is opened last is closed first. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a test gets from {@link scope}. */
export type Scope = {
  /** An empty directory of this test's own. */
  readonly directory: string;
  /** Path of `name` in that directory. */
  path(...name: string[]): string;
  /** Registers a teardown; returns the resource. */
  defer<T>(resource: T, close: (resource: T) => unknown): T;
};

/** Runs a test body with a scope and tears everything down afterwards, also after a failure. */
export function scope(body: (t: Scope) => unknown): () => Promise<void> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), 'drayer-test-'));
    const closers: (() => unknown)[] = [];
    const t: Scope = {
      directory,
      path: (...name) => join(directory, ...name),
      defer(resource, close) {
        closers.push(() => close(resource));
        return resource;
      },
    };
    try {
      await body(t);
    } finally {
      for (const close of closers.reverse()) await close();
      await rm(directory, { recursive: true, force: true });
    }
  };
}
