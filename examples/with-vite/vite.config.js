import { drayer } from 'drayer/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  // Relative addresses: the site also works below a path, where some mirrors serve it.
  base: './',
  plugins: [drayer({ stream: 'clock.stream' })],
});
