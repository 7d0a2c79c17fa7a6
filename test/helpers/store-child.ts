/**
 * A process that writes to a stream, for tests that stop it or race it. Runs as
 * `node … store-child.ts JOB PATH NUMBER` and reports each thing done as a line on stdout.
 *
 * create N · makes the stream and sets a few keys; killed at its N-th action on the disk
 * change N · one transaction with puts, an update and deletes; killed at its N-th action
 * publish N · commits prepared values, enough for the rollback journal; killed at its N-th action
 * stream N · sets keys until it is killed from outside, or N are done
 * count N  · adds one to a counter, N times, each in a transaction
 * hold     · stays inside a transaction until there is a file PATH.go
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hash } from '#crypto';
import { Connection } from '../../src/store/database.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';

const [job, path = '', number = '0'] = process.argv.slice(2);
const limit = Number(number);
let actions = 0;

function say(line: string): void {
  fs.writeSync(1, `${line}\n`);
}

/** Counts what touches the disk; dies before the action with the given number. */
function act(): void {
  actions += 1;
  // SIGKILL to oneself is delivered before the call returns: nothing is cleaned up.
  if (actions === limit) process.kill(process.pid, 'SIGKILL');
}

function countActions(): void {
  const { run, pragma, query } = Connection.prototype;
  Connection.prototype.run = function (this: Connection, sql: string): void {
    act();
    run.call(this, sql);
    act();
  };
  Connection.prototype.pragma = function (this: Connection, text: string): unknown {
    act();
    return pragma.call(this, text);
  };
  Connection.prototype.query = function (this: Connection, ...parameters: [string]): never {
    const found = query.apply(this, parameters);
    if (!/^(INSERT|UPDATE|DELETE)/.test(parameters[0])) return found as never;
    return {
      ...found,
      run: (...values: []): number => {
        act();
        return found.run(...values);
      },
    } as never;
  };
  const mutable = fs as unknown as Record<string, (...parameters: unknown[]) => unknown>;
  for (const name of ['writeFileSync', 'fsyncSync', 'renameSync', 'linkSync', 'rmSync']) {
    const original = mutable[name] as (...parameters: unknown[]) => unknown;
    mutable[name] = (...parameters) => {
      act();
      const result = original(...parameters);
      act();
      return result;
    };
  }
  syncBuiltinESMExports();
}

const jobs: Record<string, () => void> = {
  create() {
    countActions();
    const stream = createStream(path);
    say('created');
    stream.set('a', 1);
    say('acked 1');
    stream.close();
    say(`actions ${actions}`);
  },
  change() {
    countActions();
    const stream = openStream(path);
    stream.transaction((tx) => {
      for (let i = 0; i < 3; i += 1) tx.set(`new ${i}`, 'x'.repeat(3000));
      tx.set('a', 'changed').delete('b');
      tx.delete('c');
    });
    say(`acked ${stream.reader.generation().snapshot?.seq}`);
    stream.close();
    say(`actions ${actions}`);
  },
  publish() {
    countActions();
    const stream = openStream(path);
    const puts = [1, 2, 3].map((byte) => {
      // Not the same bytes throughout, or the pages of one value could pass for another's.
      const value = Uint8Array.from({ length: 3_000_000 }, (_, index) => byte ^ (index >> 12));
      stream.prepareValue(hash(value), value);
      return { type: 'file', key: `new ${byte}`, hash: hash(value) };
    });
    stream.commit({ puts, deletes: [{ type: 'obj', key: 'b' }] });
    say(`acked ${stream.reader.generation().snapshot?.seq}`);
    stream.close();
    say(`actions ${actions}`);
  },
  stream() {
    const stream = openStream(path);
    for (let i = 0; i < limit; i += 1) {
      if (i % 5 === 4) stream.delete(`key ${i - 3}`);
      else stream.set(`key ${i}`, 'x'.repeat((i * 977) % 20_000));
      say(`acked ${stream.reader.generation().snapshot?.seq}`);
    }
    stream.close();
  },
  count() {
    const stream = openStream(path);
    for (let i = 0; i < limit; i += 1) {
      stream.transaction((tx) => tx.set('count', Number(tx.get('count') ?? 0) + 1));
    }
    stream.close();
  },
  hold() {
    const stream = openStream(path);
    stream.transaction((tx) => {
      tx.set('held', 1);
      say('inside');
      // A transaction is synchronous: nothing else can tell it to go on.
      const cell = new Int32Array(new SharedArrayBuffer(4));
      while (!fs.existsSync(`${path}.go`)) Atomics.wait(cell, 0, 0, 5);
    });
    say('acked');
    stream.close();
  },
};

jobs[job ?? '']?.();
