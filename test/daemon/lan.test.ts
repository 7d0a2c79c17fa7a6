/** What the local network is told of the streams that are served. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openLan } from '../../src/daemon/lan.ts';
import { LanDiscovery, type OwnStream } from '../../src/discovery/lan-discovery.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';

const test = suite('daemon/lan');

test(
  'openLan :: a mirror is told of once its signatures are checked, not before (R22)',
  scope(async (t) => {
    const path = t.path('mirror.stream');
    createStream(path, { secretKey: TEST_KEYS.secretKey }).set('a', 1).close();
    setUnchecked(path, { from: 'http://127.0.0.1:9' });
    const put = watchPut(t);
    // Nobody checks here, so that the moment lasts.
    const set = t.defer(openStreamSet([{ path }], { checks: false }), (one) => one.close());
    const lan = await openLan(set, { httpPort: 33125 });
    t.defer(lan, (one) => one.close());
    lan.look();
    assert.equal(put, []);

    setUnchecked(path, undefined);
    set.poll();

    assert.equal(
      put.map(({ isShown, record }) => [isShown, record?.key]),
      [[true, 'snapshot']],
    );
  }),
);

/** What the discovery is told; nothing is sent. */
function watchPut(t: Scope): OwnStream[] {
  const told: OwnStream[] = [];
  const { put, open } = LanDiscovery.prototype;
  LanDiscovery.prototype.put = (stream) => void told.push(stream);
  LanDiscovery.prototype.open = async () => {};
  t.defer(told, () => Object.assign(LanDiscovery.prototype, { put, open }));
  return told;
}

test.run();
