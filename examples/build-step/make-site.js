/** A site generator in a screenful: every notes/*.txt becomes a page, and the index lists them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const encode = (text) => text.replace(/[&<>]/g, (c) => entities[c]);

const page = (title, body) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<main>
<h1>${title}</h1>
${body}
</main>
</html>
`;

rmSync('public', { recursive: true, force: true });
mkdirSync('public');

const notes = readdirSync('notes').map((file) => {
  const [title = '', ...lines] = readFileSync(`notes/${file}`, 'utf8').trim().split('\n');
  const name = file.replace(/\.txt$/, '.html');
  const text = lines.join('\n').trim();
  writeFileSync(`public/${name}`, page(encode(title), `<p>${encode(text)}</p>`));
  return `<li><a href="./${name}">${encode(title)}</a></li>`;
});
writeFileSync('public/index.html', page('Notes', `<ul>\n${notes.join('\n')}\n</ul>`));
console.log(`made ${notes.length + 1} pages`);
