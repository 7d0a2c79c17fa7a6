/** One mirror that is kept: what still reaches it once it is stopped. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Keeping } from '../../src/daemon/keeping.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/keeping');
const { publicKey } = KEY_A;
const id = Buffer.from(publicKey).toString('base64');

function keep(t: Scope): Keeping {
  const path = mirrorPathOf(publicKey, t.directory);
  // Nobody listens there.
  const kept = { path, id, urls: ['http://127.0.0.1:9'], isHidden: false, quota: undefined };
  return t.defer(new Keeping(kept, { pollMs: 60_000 }), (one) => one.stop());
}

test(
  'pull :: of one that is stopped begins nothing: news that come late would keep it for ever',
  scope(async (t) => {
    const keeping = keep(t);
    keeping.follow();
    assert.is(keeping.state().isFollowing, true);

    await keeping.stop();
    keeping.pull();

    assert.is(keeping.state().isFollowing, false);
  }),
);

test(
  'follow :: after a stop it is followed again',
  scope(async (t) => {
    const keeping = keep(t);
    keeping.follow();
    await keeping.stop();

    keeping.follow();

    assert.is(keeping.state().isFollowing, true);
  }),
);

test.run();
