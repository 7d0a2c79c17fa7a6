/** What `drayer publish` loads where nothing has changed, built into one file. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const src = fileURLToPath(new URL('../../src', import.meta.url));
const test = suite('cli/start-up');

/** Loaded one after the other by dynamic imports, and built into one file. */
const ENTRIES = ['cli/bin.ts', 'cli/quick-look.ts'];
/** In that file too: what begins to walk a site that is not there yet. */
const BEGIN = 'publish/walker.ts';

test('publish :: a look at a site loads neither the parser nor what publishes', () => {
  const { modules, packages } = loadedBy(ENTRIES);

  assert.equal([...packages].sort(), ['better-sqlite3']);
  assert.ok(modules.has('store/glance.ts'), 'the look is among them');
  for (const heavy of ['store/stream.ts', 'store/reader.ts', 'publish/publisher.ts', BEGIN]) {
    assert.not(modules.has(heavy), heavy);
  }
  assert.ok(modules.size <= 48, `${modules.size} modules: ${[...modules].join(' ')}`);
});

test('publish :: the file that is built for a look holds what a look takes, and no more', () => {
  const built = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));
  assert.ok(existsSync(built), 'npm run build makes it');
  const text = readFileSync(built, 'utf8');
  const held = [...text.matchAll(/^ *\/\/ dist\/(.*)\.js$/gm)].map(([, name]) => `${name}.ts`);
  const { modules } = loadedBy([...ENTRIES, BEGIN]);

  assert.ok(held.includes('store/glance.ts'), 'the look is in it');
  // What is loaded later, by import(), is to be named in bundle.js.
  const others = held.filter((name) => !modules.has(name));
  assert.equal(others, []);
});

test('publish :: this test sees what a full publish loads', () => {
  const { modules, packages } = loadedBy(['cli/commands/publish.ts', 'cli/program.ts']);

  assert.ok(modules.has('store/stream.ts'));
  assert.ok(packages.has('commander'));
});

/** Modules, from src, and packages that are loaded with some modules, by what their texts say. */
function loadedBy(entries: readonly string[]) {
  const modules = new Set<string>();
  const packages = new Set<string>();
  const left = entries.map((entry) => join(src, entry));
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    const name = relative(src, path);
    if (modules.has(name)) continue;
    modules.add(name);
    for (const from of importsOf(readFileSync(path, 'utf8'))) {
      if (from.startsWith('.')) left.push(join(dirname(path), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  }
  return { modules, packages };
}

/** What is left of imports and re-exports when the types are gone. */
function importsOf(text: string): string[] {
  const statements = text.matchAll(/^(?:import|export)\s+(?!type\b)([^;]*?)\s*from '([^']+)';/gm);
  return [...statements].flatMap(([, names = '', from = '']) => {
    const inBraces = /^\{([^}]*)\}$/.exec(names.trim())?.[1];
    const isOnlyTypes = inBraces?.split(',').every((one) => /^\s*(type\b.*)?$/.test(one.trim()));
    return isOnlyTypes ? [] : [from];
  });
}

test.run();
