/**
 * A secret key on one printed page: in words, as a QR code, and with all that somebody needs to know who
 * finds it in a drawer years later. A page that loads nothing and runs nothing.
 */
import { encode } from 'uqr';
import { BACKUP_WORDS, encodeSecretWords } from '../core/secret-words.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { formatSecretKey, publicKeyOf } from '../store/key-file.ts';

/** What stands on the page. */
export type KeyPaper = {
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  /** What people call the stream. */
  readonly name: string;
  /** Name of the key file it is restored to, without folder. */
  readonly keyName: string;
  /** Name of the stream file, without folder. */
  readonly streamName: string;
  /** Where the stream may be found. */
  readonly servers: readonly string[];
  /** The day of the backup. */
  readonly date: Date;
};

/** The words of a key in lines of four, the check words in the last one. */
export function keyWordLines(secretKey: Uint8Array): string[][] {
  const words = encodeSecretWords(secretKey.subarray(0, 32)).split(' ');
  return Array.from({ length: BACKUP_WORDS / 4 }, (_, i) => words.slice(i * 4, i * 4 + 4));
}

/** Makes the page: HTML, complete in itself. */
export function renderKeyPaper(paper: KeyPaper): string {
  const { secretKey, name, date } = paper;
  const id = formatStreamId(publicKeyOf(secretKey));
  const day = date.toISOString().slice(0, 10);
  const key = formatSecretKey(secretKey);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>Secret key of ${escapeHtml(name)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Secret key of ${escapeHtml(name)}</h1>
<p class="warn">Whoever has this page can change the site, for ever. Keep it where you keep money and
passports, show it to nobody, do not photograph it. Print it, then delete the file.</p>
<dl>
<dt>Stream</dt><dd><code>${escapeHtml(id)}</code></dd>
<dt>Backed up</dt><dd>${day}</dd>
${serverRows(paper.servers)}</dl>
<h2>The key in words</h2>
${wordTable(secretKey)}
<p>The last line checks the others: a mistake in typing is found, and named.</p>
<div class="code">
${renderQrCode(key)}
<div>
<h2>The key as a code</h2>
<p>It says the text of the key file itself:</p>
<p><code class="key">${escapeHtml(key)}</code></p>
</div>
</div>
${restoring(paper, id)}
</main>
</body>
</html>
`;
}

/** The code of a text as SVG: one unit a module, four units of margin, as readers want it. */
function renderQrCode(text: string): string {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const path = data
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
    .join('');
  return (
    `<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="The secret key as a QR code"` +
    ` shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${path}"/></svg>`
  );
}

function wordTable(secretKey: Uint8Array): string {
  const rows = keyWordLines(secretKey).map((line, i) => {
    const cells = line.map((word, j) => `<td><span>${i * 4 + j + 1}</span> ${word}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<table aria-label="${BACKUP_WORDS} words">\n${rows.join('\n')}\n</table>`;
}

function serverRows(servers: readonly string[]): string {
  const rows = servers.map((url) => `<dt>Served at</dt><dd>${escapeHtml(url)}</dd>\n`);
  return rows.join('');
}

function restoring({ keyName, streamName, servers }: KeyPaper, id: string): string {
  const url = servers[0] ?? 'URL';
  return `<h2>To restore it</h2>
<ol>
<li>Install drayer (npm install -g drayer) and go to the folder that shall hold the stream.</li>
<li><code>drayer key restore ${escapeHtml(shellQuote(keyName))} --id ${escapeHtml(id)}</code><br>
and type the words, or scan the code and paste its text.</li>
<li><code>drayer recover ${escapeHtml(shellQuote(streamName))} --from ${escapeHtml(url)}</code><br>
with the address of any server that has the newest state. A key alone does not know how far it has
signed: to sign on from an older state would divide the readers for good, so nothing is signed before.</li>
</ol>`;
}

function shellQuote(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const STYLE = `
@page { margin: 15mm }
body { margin: 0; color: #000; background: #fff; font: 15px/1.4 system-ui, sans-serif }
main { max-width: 46rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 1.2rem 0 .4rem }
p, ol { margin: .4rem 0 }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere }
.warn { border: 2px solid #000; padding: .5rem .75rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .8rem 0 }
dt { font-weight: 600 }
dd { margin: 0; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font: 1.05rem/1.5 ui-monospace, monospace }
td { border: 1px solid #767676; padding: .1rem .5rem }
td span { display: inline-block; min-width: 1.3em; color: #595959; font-size: .75em }
tr:last-child { font-style: italic }
.code { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; margin-top: 1rem }
.code > div { flex: 1 1 15rem }
.code h2 { margin-top: 0 }
.qr { flex: none; width: 52mm; height: 52mm }
.key { font-size: .85em }
@media print {
  main { margin: 0; padding: 0; max-width: none }
  body { font-size: 11px; line-height: 1.3 }
  .qr { width: 45mm; height: 45mm }
  h2 { margin-top: .8rem }
}
@media (max-width: 32rem) { td { display: inline-block; width: 44% } }
`;
