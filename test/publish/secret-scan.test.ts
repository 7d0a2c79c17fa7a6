import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SECRET_RULES } from '../../src/publish/known-secrets.ts';
import { makeSecretScan, secretNeedles } from '../../src/publish/secret-scan.ts';
import { KEY_A } from '../helpers/keys.ts';

const test = suite('publish/secret-scan');
const scan = makeSecretScan([]);

/** Letters that look random, out of an alphabet; the same in every run. */
function random(length: number, alphabet: string): string {
  const bytes = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${alphabet} ${i}`).digest(),
  );
  const text = Array.from(Buffer.concat(bytes), (byte) => alphabet[byte % alphabet.length]);
  return text.join('').slice(0, length);
}

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const ALNUM = `${UPPER}${UPPER.toLowerCase()}23456789`;
const HEX = '123456789abcdef';
const BASE64 = `${ALNUM}+/`;

function pem(kind: string, newline = '\n'): string {
  const body = random(640, BASE64).replace(/.{64}/g, `$&${newline}`);
  return `-----BEGIN ${kind}-----${newline}${body}-----END ${kind}-----`;
}

/** What `ssh-keygen` writes for an unencrypted Ed25519 key: a head that all of them share, then the key. */
function sshKey(newline = '\n'): string {
  const head = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW';
  const body = `${head}${random(236, BASE64)}AQIDBA==`.replace(/.{70}/g, `$&${newline}`);
  return `-----BEGIN OPENSSH PRIVATE KEY-----${newline}${body}${newline}-----END OPENSSH PRIVATE KEY-----`;
}

/** The first bytes of what `openssl pkcs12 -export` writes. */
const KEY_STORE = Buffer.from('308209f70201033082099d06092a864886f70d010701a082098e', 'hex');

// Put together here, so that nobody's scan takes this file for a leak.
const SECRETS: readonly (readonly [name: string, text: string])[] = [
  ['a private key', pem('PRIVATE KEY')],
  ['a private key', pem('RSA PRIVATE KEY')],
  ['a private key', pem('EC PRIVATE KEY')],
  ['a private key', pem('ENCRYPTED PRIVATE KEY')],
  ['a private key', pem('OPENSSH PRIVATE KEY', '\r\n')],
  ['a private key', pem('PGP PRIVATE KEY BLOCK')],
  ['a private key', JSON.stringify({ private_key: pem('PRIVATE KEY') })],
  ['a store of private keys (PKCS#12)', KEY_STORE.toString('latin1')],
  ['a private key of PuTTY', `PuTTY-User-Key-File-${3}: ssh-ed25519\r\nEncryption: none\r\n`],
  ['a private key of age', `AGE-SECRET-${'KEY'}-1${random(58, 'QPZRY9X8GF2TVDW03JN54KHCE6MUA7L')}`],
  ['an AWS access key', `${'AKIA'}${random(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`],
  ['an AWS access key', `${'ASIA'}${random(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`],
  ...['ghp', 'gho', 'ghu', 'ghs', 'ghr'].map(
    (start) => ['a GitHub token', `${start}_${random(36, ALNUM)}`] as const,
  ),
  ['a GitHub token', `github_${'pat'}_${random(22, ALNUM)}_${random(59, ALNUM)}`],
  ...['glpat', 'glptt', 'glrt', 'gldt'].map(
    (start) => ['a GitLab token', `${start}-${random(20, ALNUM)}`] as const,
  ),
  ['a Slack token', `xoxb-${random(12, '123456789')}-${random(24, ALNUM)}`],
  ['a Slack token', `xapp-1-A${random(10, UPPER)}-${random(13, '23456789')}-${random(64, HEX)}`],
  [
    'a Slack webhook',
    `https://hooks.slack.com/services/T${random(8, UPPER)}/B${random(8, UPPER)}/${random(24, ALNUM)}`,
  ],
  ['a Stripe key', `sk_${'live'}_${random(24, ALNUM)}`],
  ['a Stripe key', `rk_${'live'}_${random(99, ALNUM)}`],
  ['a Google client secret', `GOCSPX-${random(28, ALNUM)}`],
  ['an npm token', `npm_${random(36, ALNUM)}`],
  ['a PyPI token', `pypi-AgEIcHlwaS5vcmc${random(160, ALNUM)}`],
  ['an OpenAI key', `sk-${random(20, ALNUM)}T3BlbkFJ${random(20, ALNUM)}`],
  ['an OpenAI key', `sk-proj-${random(74, ALNUM)}T3BlbkFJ${random(74, ALNUM)}`],
  ['an Anthropic key', `sk-ant-api03-${random(93, ALNUM)}AA`],
  ['a Hugging Face token', `hf_${random(34, UPPER + UPPER.toLowerCase())}`],
  ['a SendGrid key', `SG.${random(22, ALNUM)}.${random(43, ALNUM)}`],
  ['a Twilio key', `SK${random(32, HEX)}`],
  ['the token of a Telegram bot', `${random(10, '123456789')}:AA${random(33, ALNUM)}`],
  ['a DigitalOcean token', `dop_v1_${random(64, HEX)}`],
  ['a Docker token', `dckr_pat_${random(27, ALNUM)}`],
  ['a Vault token', `hvs.${random(95, ALNUM)}`],
];

test('makeSecretScan :: every kind of secret is found, in a page, a config, a script, alone', () => {
  const places: readonly ((secret: string) => string)[] = [
    (secret) => secret,
    (secret) => `<p>one</p>\n<pre>${secret}</pre>\n`,
    (secret) => `const a = { "token": "${secret}" };`,
    (secret) => `TOKEN=${secret}\nOTHER=1\n`,
    (secret) => `${'é'.repeat(1001)} '${secret}'`,
  ];
  for (const [name, secret] of SECRETS) {
    for (const place of places) {
      const { known } = scan(Buffer.from(place(secret), 'latin1'));

      assert.equal([...known.keys()], [name], place(secret));
    }
  }
});

test('makeSecretScan :: each rule has an example here', () => {
  const examples = new Set(SECRETS.map(([name]) => name)).add('an OpenSSH private key');

  assert.equal(
    SECRET_RULES.filter(({ name }) => !examples.has(name)).map(({ name }) => name),
    [],
  );
});

test('makeSecretScan :: a whole key of OpenSSH is of the kind that nothing allows', () => {
  const places = [
    sshKey(),
    sshKey('\r\n'),
    `<pre>\n${sshKey()}\n</pre>`,
    JSON.stringify({ key: sshKey() }),
    sshKey('" +\n    "'),
    sshKey().replaceAll('\n', ''),
  ];
  for (const text of places) {
    assert.equal([...scan(Buffer.from(text)).never.keys()], ['an OpenSSH private key'], text);
  }
});

test('makeSecretScan :: the first lines of one, as a tutorial shows them, can be allowed', () => {
  const shown = `${sshKey().split('\n').slice(0, 3).join('\n')}\n…\n-----END OPENSSH PRIVATE KEY-----`;

  const { never, known } = scan(Buffer.from(shown));

  assert.equal([[...never.keys()], [...known.keys()]], [[], ['a private key']]);
  assert.equal([...scan(Buffer.from(pem('OPENSSH PUBLIC KEY'))).never.keys()], []);
});

test('makeSecretScan :: the line is that of the first', () => {
  const [, token = ''] = SECRETS.find(([name]) => name === 'an npm token') ?? [];

  const { known } = scan(Buffer.from(`one\ntwo\r\nthree ${token}\n${token}`));

  assert.equal([...known], [['an npm token', 3]]);
});

test('makeSecretScan :: examples and what only resembles a secret are none', () => {
  const harmless = [
    `${'AKIA'}IOSFODNN7EXAMPLE`,
    `${'AKIA'}${'X'.repeat(16)}`,
    `ghp_${'x'.repeat(36)}`,
    `ghp_${random(35, ALNUM)}`,
    `sk_test_${random(24, ALNUM)}`,
    `pk_live_${random(24, ALNUM)}`,
    `xoxb-your-token-here-please-replace`,
    `AIza${random(35, ALNUM)}`,
    'SG.1 and SG.2',
    `${'-----BEGIN'} PRIVATE KEY-----\n…\n-----END PRIVATE KEY-----`,
    pem('PUBLIC KEY'),
    pem('CERTIFICATE'),
    `data:image/png;base64,${random(4000, BASE64)}`,
    'https://example.org/services/TEAM/BOARD/index',
    random(5000, HEX),
  ];
  for (const text of harmless) assert.equal([...scan(Buffer.from(text)).known.keys()], [], text);
});

test('makeSecretScan :: an example beside a secret does not hide it', () => {
  const [, key = ''] = SECRETS.find(([name]) => name === 'an AWS access key') ?? [];

  const { known } = scan(Buffer.from(`${'AKIA'}IOSFODNN7EXAMPLE ${key}`));

  assert.equal([...known.keys()], ['an AWS access key']);
});

test("makeSecretScan :: the stream's own key is found at every place", () => {
  const needles = secretNeedles(KEY_A.secretKey);
  const own = makeSecretScan(needles);
  for (const needle of needles) {
    for (let at = 0; at < 40; at += 1) {
      const content = Buffer.concat([Buffer.alloc(at, '.'), needle, Buffer.alloc(40 - at, '.')]);
      const almost = Buffer.from(content);
      almost[at + needle.length - 1] = (almost[at + needle.length - 1] ?? 0) ^ 1;

      assert.is(own(content).hasOwn, true);
      assert.is(own(almost).hasOwn, false);
    }
  }
});

test.run();
