/**
 * What the secrets of well-known services look like, as gitleaks and the services themselves describe
 * them. Only forms that say by themselves what they are: no guessing from the words around.
 *
 * Left out on purpose, because sites publish them rightly: Google's browser keys (`AIza…`), Stripe's
 * `pk_…` and test keys, JSON Web Tokens.
 */

/** One kind of secret. */
export type SecretRule = {
  /** What it is, for people, with its article. */
  readonly name: string;
  /** Each match contains one of these: three bytes, rare ones, since each is looked at. Latin-1. */
  readonly anchors: readonly string[];
  /** What follows the anchor is at most so long, in bytes; what precedes it at most {@link BEFORE}. */
  readonly after: number;
  /** With the flag g. */
  readonly pattern: RegExp;
  /** Nothing allows it: there is no reason to publish one whole. */
  readonly isNever?: boolean | undefined;
};

/** Most bytes of a match before its anchor, and one for what stands before the match. */
export const BEFORE = 32;

const PRIVATE_KEY =
  /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,500}?[A-Za-z0-9+/=]{60}/;

// PROTOCOL.key of OpenSSH: the base64 of "openssh-key-v1" and a zero byte, and so much after it that the
// secret half is there. A tutorial that shows the first lines, which are the same in many keys, is none.
const SSH_KEY =
  /-----BEGIN OPENSSH PRIVATE KEY-----[\s\S]{0,40}?b3BlbnNzaC1rZXktdjEA(?:[^A-Za-z0-9+/]{0,8}[A-Za-z0-9+/]){240}/;

// RFC 7292 §4: version 3, then content of the type data, whatever encrypts the keys in it.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are bytes, read as Latin-1
const KEY_STORE = /\x02\x01\x030[\s\S]{1,8}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07[\x01\x02]/;

const WORDS = /example|xxxx|your|dummy|sample|placeholder|redacted|0000|1234567890/i;
const LONG = 300;

/** The rules, in no order. */
export const SECRET_RULES: readonly SecretRule[] = [
  rule('a private key', ['-BE'], PRIVATE_KEY, 700),
  { ...rule('an OpenSSH private key', ['-BE'], SSH_KEY, 2300), isNever: true },
  rule('a private key of PuTTY', ['PuT'], /PuTTY-User-Key-File-[23]: \S+\s+Encryption:/, 120),
  rule('a private key of age', ['T-K'], /AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}/),
  rule('a store of private keys (PKCS#12)', ['\x01\x030'], KEY_STORE),
  rule('an AWS access key', ['KIA', 'SIA'], /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/),
  rule('a GitHub token', ['hp_', 'ho_', 'hu_', 'hs_', 'hr_'], /\bgh[pousr]_[A-Za-z0-9]{36,255}\b/),
  rule('a GitHub token', ['b_p'], /\bgithub_pat_\w{82}\b/),
  rule('a GitLab token', ['glp', 'glr', 'dt-'], /\bgl(?:pat|ptt|rt|dt)-[\w-]{20,300}/),
  rule('a Slack token', ['xox'], /\bxox[abepors]-(?:\d-)?[A-Za-z0-9]{8,}-[A-Za-z0-9-]{10,250}/),
  rule('a Slack token', ['xap'], /\bxapp-\d-[A-Z0-9]{8,}-\d{8,}-[a-z0-9]{20,}/),
  rule('a Slack webhook', ['s/T'], /\.slack\.com\/services\/T\w{8,}\/B\w{8,}\/\w{20,}/),
  rule('a Stripe key', ['k_l', 'k_p'], /\b[sr]k_(?:live|prod)_[A-Za-z0-9]{16,250}\b/),
  rule('a Google client secret', ['GOC'], /\bGOCSPX-[\w-]{28}/),
  rule('an npm token', ['pm_'], /\bnpm_[A-Za-z0-9]{36}\b/),
  rule('a PyPI token', ['i-A'], /\bpypi-AgEI[\w-]{50,}/),
  rule('an OpenAI key', ['T3B'], /[\w-]{20}T3BlbkFJ[\w-]{20}/),
  rule('an Anthropic key', ['k-a'], /\bsk-ant-[a-z]+\d\d-[\w-]{80,}/),
  rule('a Hugging Face token', ['hf_'], /\bhf_[A-Za-z]{34}\b/),
  rule('a SendGrid key', ['SG.'], /\bSG\.[\w-]{22}\.[\w-]{43}/),
  rule('a Twilio key', hexAnchors('SK'), /\bSK[0-9a-f]{32}\b/),
  rule('the token of a Telegram bot', [':AA'], /\b\d{8,10}:AA[\w-]{33}(?![\w-])/),
  rule('a DigitalOcean token', ['_v1'], /\bdo[opr]_v1_[0-9a-f]{64}\b/),
  rule('a Docker token', ['ckr'], /\bdckr_pat_[\w-]{27}/),
  rule('a Vault token', ['hvs'], /\bhvs\.[\w-]{90,}/),
];

/**
 * Tells whether a match is an example of documentation: AWS's own ends in EXAMPLE, others repeat one
 * character or count up.
 */
export function isExample(match: string): boolean {
  // In a long match these letters may be there by chance.
  if (match.length < LONG && WORDS.test(match)) return true;
  const counts = new Map<string, number>();
  const body = match.slice(-60);
  for (const char of body) counts.set(char, (counts.get(char) ?? 0) + 1);
  return Math.max(...counts.values()) > body.length / 2;
}

function rule(
  name: string,
  anchors: readonly string[],
  pattern: RegExp,
  after: number = 320,
): SecretRule {
  return { name, anchors, pattern: new RegExp(pattern, 'g'), after };
}

function hexAnchors(start: string): string[] {
  return Array.from('0123456789abcdef', (digit) => `${start}${digit}`);
}
