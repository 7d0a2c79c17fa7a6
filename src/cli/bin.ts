#!/usr/bin/env node
/**
 * The `drayer` command. Checks the Node version before anything is imported that needs a newer one
 * (a native module built for another Node ends in a crash, not in a message), then hands over.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `drayer: needs Node.js 20.19 or later, this is ${process.versions.node}; get one at https://nodejs.org\n`,
  );
  process.exit(1);
}

const { main } = await import('./main.ts');
await main(process.argv);
