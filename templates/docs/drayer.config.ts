import { defineConfig } from 'drayer';

export default defineConfig({
  // The folder to publish. The stream and its key are made beside it: site.stream, site.stream.privatekey.
  directory: 'site',

  // Serve this one at http://127.0.0.1:33125/ and not only under its own name.
  site: 'site',

  // Let other machines on the network in as well.
  // lan: true,
});
