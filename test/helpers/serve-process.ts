/**
 * A server as a process of its own, whose memory can be asked for. Started with the path of a stream;
 * and, if wanted, the folder for temporary files; sends its port over IPC, then its peak memory in MB
 * for every message.
 */
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';

const [, , path = '', temporary = ''] = process.argv;
const spoolDirectory = temporary === '' ? undefined : temporary;
const app = createApp({ streams: openStreamSet([{ path }]), spoolDirectory });
const { port } = await listen(app, { port: 0 });

process.on('message', () => process.send?.({ peakMb: process.resourceUsage().maxRSS / 1024 }));
process.on('disconnect', () => process.exit());
process.send?.({ port });
