/**
 * A daemon whose clock is set from outside: `clock-child.ts DATA_DIR`. Each line on stdin is by how many ms
 * its clock is wrong from then on; what it mirrors, and what keeps it from that, it prints.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runDaemon } from '../../src/daemon/run-daemon.ts';

const [, , dataDir = ''] = process.argv;
const say = (line: string): void => void writeSync(1, `${line}\n`);

const { now } = Date;
let offsetMs = 0;
Date.now = () => now() + offsetMs;
globalThis.Date = new Proxy(Date, {
  construct: (date, given: [] | [number]) =>
    given.length === 0 ? new date(Date.now()) : new date(...(given as [number])),
});

const daemon = await runDaemon({
  streams: [],
  dataDir,
  port: 0,
  version: 'test',
  onMirrored: ({ generation }) => say(`mirrored ${generation.snapshot?.seq}`),
  onProblem: (_, { code }) => say(`problem ${code}`),
  onMended: () => say('mended'),
  onError: (error) => say(`error ${String(error)}`),
});
say(`ready ${daemon.port}`);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    offsetMs = Number(line);
    say(`clock ${line} ${new Date().getUTCFullYear()}`);
  })
  .once('close', () => void daemon.close());
