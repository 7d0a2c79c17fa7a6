// Two comforts that nothing depends on: a button that copies code, and the mark in "On this page".

for (const pre of document.querySelectorAll('pre')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    // Commands without their prompt, answers not at all.
    const lines = pre.querySelector('code').textContent.split('\n');
    const commands = lines.filter((line) => /^[$>] /.test(line)).map((line) => line.slice(2));
    try {
      await navigator.clipboard.writeText((commands.length > 0 ? commands : lines).join('\n'));
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not allowed here';
    }
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1500);
  });
  const holder = document.createElement('div');
  holder.className = 'code';
  pre.replaceWith(holder);
  holder.append(pre, button);
}

const links = [...document.querySelectorAll('.toc a')];
const heads = links.map((link) => document.getElementById(link.hash.slice(1)));
function markPlace() {
  const passed = heads.filter((head) => head && head.getBoundingClientRect().top < 140);
  const current = passed.length > 0 ? heads.indexOf(passed[passed.length - 1]) : -1;
  for (const [index, link] of links.entries()) link.classList.toggle('here', index === current);
}
if (links.length > 0) {
  addEventListener('scroll', markPlace, { passive: true });
  markPlace();
}
