/** Lets worker threads run TypeScript too: `--import tsx` reaches the main thread alone on Node 20. */
import { register } from 'tsx/esm/api';

register();
