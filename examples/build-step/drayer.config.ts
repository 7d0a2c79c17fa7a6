import { defineConfig } from 'drayer';

// Any command will do: Hugo, Eleventy, Zola, a Makefile. This one is make-site.js.
export default defineConfig({
  build: { command: 'node make-site.js', output: 'public' },
  stream: 'notes.stream',
  site: 'public',
});
