/** A primary server that takes pushes of one key, for tests of the client. */
import { existsSync } from 'node:fs';
import { bytesEqual, type SignedRecord } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { Deploy, PushOptions } from '../../src/server/push.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { FILE_TYPE } from '../../src/store/typed-reads.ts';
import { KEY_A, type TestKey } from './keys.ts';
import type { Scope } from './scope.ts';
import { type Serving, serve } from './serving.ts';
import { recordsIn } from './store.ts';

/** A running primary. */
export type Primary = Serving & {
  readonly url: string;
  /** The stream's file; it need not be there. */
  readonly path: string;
  readonly deploys: Deploy[];
  /** Seq of the newest generation, 0 where there is none. */
  seq(): number;
  /** The site paths it has, sorted. */
  keys(): string[];
  records(): SignedRecord[];
};

/** Starts a primary with a data folder of its own. */
export async function primary(
  t: Scope,
  { key = KEY_A, name = 'primary', ...options }: Partial<PushOptions> & PrimaryOptions = {},
): Promise<Primary> {
  const dataDir = t.path(name);
  const path = t.path(name, `${formatStreamId(key.publicKey, 'base32')}.stream`);
  const deploys: Deploy[] = [];
  let add = (_: string): void => {};
  const serving = await serve(t, existsSync(path) ? [{ path }] : [], {
    push: {
      dataDir,
      isAllowed: (one) => bytesEqual(one, key.publicKey),
      onDeploy: (deploy) => void deploys.push(deploy),
      onFile: (file) => add(file),
      ...options,
    },
  });
  add = (file) => serving.streams.add({ path: file });
  const read = <T>(use: (reader: ReturnType<typeof openReader>) => T): T | undefined => {
    if (!existsSync(path)) return undefined;
    const reader = openReader(path);
    try {
      return use(reader);
    } finally {
      reader.close();
    }
  };
  const records = (): SignedRecord[] => read(recordsIn) ?? [];
  return {
    ...serving,
    url: `http://127.0.0.1:${serving.port}`,
    path,
    deploys,
    seq: () => read((reader) => reader.generation().snapshot?.seq) ?? 0,
    keys: () =>
      records()
        .flatMap(({ type, key: k }) => (type === FILE_TYPE ? [k] : []))
        .sort(),
    records,
  };
}

type PrimaryOptions = { readonly key?: TestKey; readonly name?: string };
