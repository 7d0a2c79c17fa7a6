/** The worker's end of walker.ts: an order in, what was found out. */
import { parentPort } from 'node:worker_threads';
import type { WalkOrder } from './begun-walk.ts';
import { makeIgnoreRules } from './ignore-rules.ts';
import { sumUpDirectory } from './walk.ts';
import type { WalkMessage } from './walker.ts';

parentPort?.once('message', async ({ root, ignore }: WalkOrder) => {
  const rules = makeIgnoreRules(ignore);
  const say = (message: WalkMessage): void => parentPort?.postMessage(message);
  say(await sumUpDirectory(root, { rules, onMany: () => say('many') }));
});
