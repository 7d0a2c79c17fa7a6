// Tells which generation this is. On an origin of its own the site can ask who serves it;
// elsewhere the line simply stays away.
const line = document.getElementById('generation');

try {
  const answer = await fetch('/.well-known/drayer/streams.json');
  const { streams } = await answer.json();
  const [stream] = streams;
  const when = new Date(stream.tip / 1000).toLocaleString(undefined, {
    dateStyle: 'long',
    timeStyle: 'short',
  });
  const seq = stream.seq === undefined ? '' : `Generation ${stream.seq}, `;
  line.textContent = `${seq}${stream.count} records, signed ${when}`;
  line.hidden = false;
} catch {
  // Not an error: the page is complete without it.
}
