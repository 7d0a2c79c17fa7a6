import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ciProvenance } from '../../src/daemon/ci-provenance.ts';
import { editStream } from '../../src/daemon/edit-stream.ts';
import { publishSite } from '../../src/daemon/publish-site.ts';
import { readStreamFacts, type StreamFacts } from '../../src/daemon/stream-facts.ts';
import { decodeProvenance, encodeProvenance } from '../../src/files/provenance.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('daemon/ci-provenance');

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

const GITHUB = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SHA: COMMIT,
  GITHUB_WORKFLOW: 'deploy',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'ann/garden',
  GITHUB_RUN_ID: '812',
  GITHUB_TOKEN: 'ghs_secret',
};

const GITLAB = {
  GITLAB_CI: 'true',
  CI_COMMIT_SHA: COMMIT,
  CI_JOB_NAME: 'pages',
  CI_PIPELINE_URL: 'https://gitlab.com/ann/garden/-/pipelines/9',
  CI_PROJECT_URL: 'https://gitlab.com/ann/garden',
  CI_REPOSITORY_URL: 'https://gitlab-ci-token:secret@gitlab.com/ann/garden.git',
};

test('ciProvenance :: reads what GitHub, GitLab and any other CI say, and nothing else', () => {
  const github = decodeOf(GITHUB);
  const gitlab = decodeOf(GITLAB);
  const other = decodeOf({ DRAYER_COMMIT: 'abcdef0', DRAYER_RUN_URL: 'https://ci.example/5' });

  assert.equal(github, {
    commit: COMMIT,
    workflow: 'deploy',
    run: 'https://github.com/ann/garden/actions/runs/812',
    repository: 'https://github.com/ann/garden',
  });
  assert.equal(gitlab, {
    commit: COMMIT,
    workflow: 'pages',
    run: 'https://gitlab.com/ann/garden/-/pipelines/9',
    repository: 'https://gitlab.com/ann/garden',
  });
  assert.equal(other, { commit: 'abcdef0', run: 'https://ci.example/5' });
  assert.is(decodeOf({ ...GITHUB, DRAYER_WORKFLOW: 'mine' })?.workflow, 'mine');
});

test('ciProvenance :: where nothing is known says so only to who asked for it now', () => {
  const laptop = { HOME: '/home/ann', GITHUB_SHA: COMMIT };

  assert.is(ciProvenance(laptop, { isAsked: false }), undefined);
  assert.throws(() => ciProvenance(laptop, { isAsked: true }), throwsCode('USAGE'));
});

test(
  'publishSite :: the provenance goes with the changes, in their generation, and never alone',
  scope(async (t) => {
    const publish = publisher(t);

    await publish('one', { commit: 'aaaaaaa' });
    const first = factsOf(t);
    await publish('one', { commit: 'bbbbbbb' });
    const same = factsOf(t);
    await publish('two', { commit: 'aaaaaaa' });
    const second = factsOf(t);

    assert.equal(first.provenance, { commit: 'aaaaaaa', isCurrent: true });
    assert.equal(first.generation, same.generation);
    assert.equal(second.provenance, { commit: 'aaaaaaa', isCurrent: true });
    assert.is(second.generation.snapshot?.seq, 2);
  }),
);

test(
  'publishSite :: a change without a provenance takes the old one along, an edit by hand outdates it',
  scope(async (t) => {
    const publish = publisher(t);
    await publish('one', { commit: 'aaaaaaa' });

    editStream({ path: t.path('site.stream'), key: undefined }, (tx) => void tx.set('x', 1));
    const edited = factsOf(t);
    await publish('two', { commit: 'ccccccc' });
    const again = factsOf(t);
    await publish('three', undefined);
    const laptop = factsOf(t);

    assert.equal(edited.provenance, { commit: 'aaaaaaa', isCurrent: false });
    assert.equal(again.provenance, { commit: 'ccccccc', isCurrent: true });
    assert.is(laptop.provenance, undefined);
    assert.equal(laptop.types.map(({ type, records }) => [type, records]).sort(), [
      ['drayer', 1],
      ['file', 1],
      ['obj', 1],
    ]);
  }),
);

test(
  'readStreamFacts :: an anchor between the provenance and the snapshot does not outdate it (R8)',
  scope(async (t) => {
    const publish = publisher(t);
    await publish('one', { commit: 'aaaaaaa' });
    writeFileSync(t.path('site', 'last.html'), 'the newest id');
    await publish('one', { commit: 'bbbbbbb' });
    rmSync(t.path('site', 'last.html'));

    await publish('one', { commit: 'ccccccc' });

    const { provenance, types } = factsOf(t);
    assert.equal(provenance, { commit: 'ccccccc', isCurrent: true });
    // Snapshot, provenance, anchor.
    assert.is(types.find(({ type }) => type === 'drayer')?.records, 3);
  }),
);

function decodeOf(environment: Record<string, string>): ReturnType<typeof decodeProvenance> {
  const value = ciProvenance(environment, { isAsked: true });
  assert.ok(value !== undefined);
  return decodeProvenance(value);
}

function publisher(t: Scope) {
  mkdirSync(t.path('site'));
  return async (content: string, from: { commit: string } | undefined): Promise<void> => {
    writeFileSync(t.path('site', 'index.html'), content);
    await publishSite(
      { directory: t.path('site') },
      { provenance: from && encodeProvenance(from) },
    );
  };
}

function factsOf(t: Scope): StreamFacts {
  return readStreamFacts(t.path('site.stream'));
}

test.run();
