import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addServer,
  hasServers,
  removeServer,
  replaceServers,
} from '../../src/daemon/edit-servers.ts';
import { decodeObject, encodeObject } from '../../src/files/values.ts';
import type { Stream } from '../../src/store/stream.ts';
import { scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('daemon/edit-servers');

const NEWER = { type: 'onion', at: 'abc' };
const WITH_UDP = { type: 'http', url: 'https://example.org/', udp: ['example.org', 1] };

function entries(stream: Stream): unknown {
  const value = stream.getBytes('drayer', 'primaryServers');
  return value && decodeObject(value);
}

function write(stream: Stream, list: readonly unknown[]): void {
  stream.setBytes('drayer', 'primaryServers', encodeObject(list));
}

test(
  'addServer, removeServer :: leave alone what a newer program has written',
  scope((t) => {
    const stream = newStream(t);
    write(stream, [NEWER, WITH_UDP]);

    stream.transaction((tx) => addServer(tx, stream.reader, 'http://10.0.0.1:33125'));
    assert.equal(entries(stream), [
      NEWER,
      WITH_UDP,
      { type: 'http', url: 'http://10.0.0.1:33125/' },
    ]);
    stream.transaction((tx) => removeServer(tx, stream.reader, 'http://10.0.0.1:33125'));
    assert.equal(entries(stream), [NEWER, WITH_UDP]);
    stream.transaction((tx) => replaceServers(tx, stream.reader, ['https://example.org']));
    assert.equal(entries(stream), [WITH_UDP], 'the address of a server keeps what is told of it');
    assert.ok(hasServers(stream.reader, ['https://example.org', 'https://EXAMPLE.org/']));
    stream.transaction((tx) => removeServer(tx, stream.reader, 'https://example.org'));
    assert.is(entries(stream), undefined, 'an empty list is none');
  }),
);

test(
  'addServer :: takes eight and no more, and the same one once',
  scope((t) => {
    const stream = newStream(t);
    const add = (n: number): unknown =>
      stream.transaction((tx) => addServer(tx, stream.reader, `http://10.0.0.${n}/`));
    for (let n = 1; n <= 8; n += 1) add(n);

    assert.throws(() => add(9), throwsCode('USAGE'));
    add(8);
    assert.is(stream.getPrimaryServers().length, 8);
    assert.is(stream.reader.generation().snapshot?.seq, 8);
  }),
);

test(
  'removeServer :: of what was never named, with the nearest one',
  scope((t) => {
    const stream = newStream(t);
    const remove = (url: string) => () =>
      stream.transaction((tx) => removeServer(tx, stream.reader, url));

    assert.throws(remove('https://example.org'), throwsCode('RECORD_NOT_FOUND'));
    write(stream, [NEWER, { type: 'http', url: 'https://example.org/' }]);
    assert.throws(remove('https://exmaple.org'), throwsCode('RECORD_NOT_FOUND'));
    assert.throws(remove('no address'), throwsCode('RECORD_NOT_FOUND'));
    assert.equal(entries(stream), [NEWER, { type: 'http', url: 'https://example.org/' }]);
  }),
);

test.run();
