import { defineConfig } from 'drayer';

export default defineConfig({
  directory: 'examples/hello',
  site: 'hello',
});
