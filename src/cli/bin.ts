#!/usr/bin/env node
/**
 * The `drayer` command. Checks the Node version before anything is imported that needs a newer one
 * (a native module built for another Node ends in a crash, not in a message), then hands over.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

// From these on require() loads modules: 21, and 22 before 22.12, do not (src/daemon/doctor-program.ts).
if (major < 20 || major === 21 || minor < ({ 20: 19, 22: 12 }[major] ?? 0)) {
  process.stderr.write(
    `drayer: needs Node.js 20.19, or 22.12 and later, this is ${process.versions.node}; get one at https://nodejs.org\n`,
  );
  process.exit(1);
}

// No await out here: this file is also built as a script, which starts sooner than a module.
void run(process.argv);

async function run(argv: readonly string[]): Promise<void> {
  const isPublish = argv[2] === 'publish';
  const seen = isPublish ? await (await import('./quick-look.ts')).quickLook(argv) : undefined;
  end(seen?.status ?? (await (await import('./main.ts')).main(argv, seen)));
}

/** At once, when all is printed: to take everything down takes as long as to look at a thousand files. */
function end(status: number): void {
  process.stderr.write('', () => process.stdout.write('', () => process.exit(status)));
}

export {};
