// A comfort that nothing depends on: arrow keys, Escape and a swipe for the open picture, whose links do the same.

const open = () => document.querySelector('.view:target');

function follow(name) {
  const link = open()?.querySelector(`.${name}`);
  if (!link) return;
  // Replaces, so that "back" leads to the wall and not through every picture seen.
  if (name === 'close') link.click();
  else location.replace(link.href);
}

addEventListener('keydown', (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const name = { ArrowLeft: 'prev', ArrowRight: 'next', Escape: 'close' }[event.key];
  if (!name || !open()) return;
  event.preventDefault();
  follow(name);
});

let start;
addEventListener('touchstart', ({ touches }) => {
  start = touches.length === 1 ? touches[0] : undefined;
}, { passive: true });
addEventListener('touchend', ({ changedTouches }) => {
  if (!start || !open()) return;
  const x = changedTouches[0].clientX - start.clientX;
  const y = changedTouches[0].clientY - start.clientY;
  if (Math.abs(x) > 60 && Math.abs(x) > 2 * Math.abs(y)) follow(x > 0 ? 'prev' : 'next');
}, { passive: true });

// Back on the wall, the keyboard goes on from the picture that was open.
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#at-')) document.querySelector(location.hash)?.focus();
});
