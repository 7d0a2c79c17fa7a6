/**
 * Builds the command into three scripts, and each worker thread into one, after tsc has made a module of each
 * file (docs/ARCHITECTURE.md):
 *
 *   dist/cli/bin.cjs       the command, and the first look of a publish
 *   dist/cli/main.cjs      a plain publish, from there on
 *   dist/cli/program.cjs   everything else
 *   dist/X/NAME-worker.cjs the thread that `dist/X/NAME-worker.js` is
 *
 * Child processes stay what they are, and packages, but for those that only a module can import, and a few small
 * ones: these become part of the scripts.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = join(dirname(fileURLToPath(import.meta.url)), 'dist');
const cli = join(dist, 'cli');

/** Almost each thread needs these, and would take 25 ms to find and load them. */
const SMALL = new Set(['minizlib', 'minipass', 'better-sqlite3', 'sodium-native', 'which-runtime']);

/**
 * What two of them look for their binary part with, and it in the place where it mostly is: that takes 1 ms, the
 * search for all the places where it could be 5 and 15.
 */
const BINARIES = {
  bindings: `module.exports = (name) => {
    try {
      return require('better-sqlite3/build/Release/' + name);
    } catch {
      const place = require.resolve('better-sqlite3/package.json');
      const find = require('node:module').createRequire(place)('bindings');
      return find({ bindings: name, module_root: require('node:path').dirname(place) });
    }
  };`,
  './binding': `const { platform, arch } = process;
    try {
      module.exports = require('sodium-native/prebuilds/' + platform + '-' + arch + '/sodium-native.node');
    } catch {
      module.exports = require('sodium-native/binding.js');
    }`,
};

/** What a publish has in common with other commands, and mostly does without. */
const RARE = ['announce', 'commands/publish-watch', 'program', '../daemon/publish-to'];

// What is loaded later, by import(), and stays out: a look does without it.
await script('cli/bin', {
  others: [
    'main',
    '../index',
    '../daemon/find-server',
    '../config/config-schema',
    '../config/make-folder',
  ],
});
await script('cli/main', { others: ['../index'], rare: RARE });
await script('cli/program', { others: ['../index'], contents: program() });
for (const worker of await threads()) await script(worker);

/**
 * Builds `NAME.js`, or `contents`, into `NAME.cjs`.
 *
 * @param others - modules that stay out, named from `cli`
 * @param rare - modules it takes from program.cjs
 */
function script(name, { others = [], rare = [], contents } = {}) {
  const outfile = join(dist, `${name}.cjs`);
  const stdin = contents && { contents, resolveDir: dirname(outfile) };
  return build({
    ...(stdin ? { stdin } : { entryPoints: [join(dist, `${name}.js`)] }),
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    alias: { '#crypto': join(dist, 'crypto/node.js') },
    // By require(): of a script that import() loads, Node reads the whole text for its exports first.
    supported: { 'dynamic-import': false },
    // The way of the sources alone, to start what is not built.
    define: { 'import.meta.resolve': 'undefined' },
    plugins: [
      keepPlaces(dirname(outfile)),
      leaveOut(others),
      takeRare(rare),
      findBinaries(),
      takeIn(),
    ],
    logLevel: 'warning',
  });
}

/** What main.cjs takes from program.cjs, by name. */
function program() {
  const modules = RARE.map((name) => `'${name}': () => require('./${name}.js')`);
  return `module.exports = { ${modules.join(', ')} };`;
}

/** Modules that only program.cjs has, loaded from there when they are asked for. */
function takeRare(names) {
  const places = new Map(names.map((name) => [join(cli, `${name}.js`), name]));
  return {
    name: 'take-rare',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const name = kind === 'dynamic-import' ? places.get(join(resolveDir, path)) : undefined;
        return name && { path: name, namespace: 'rare' };
      });
      onResolve({ filter: /^/, namespace: 'rare' }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /^/, namespace: 'rare' }, ({ path }) => ({
        contents: `module.exports = require('./program.cjs')['${path}']();`,
      }));
    },
  };
}

/** The modules that are started as threads: two dozen of them take 20 ms more to find and load than one script. */
async function threads() {
  const files = await readdir(dist, { recursive: true });
  return files.filter((name) => name.endsWith('-worker.js')).map((name) => name.slice(0, -3));
}

/** Each module finds what lies beside it where it is, not where the script is; packages are the script's own. */
function keepPlaces(place) {
  const imports = `import { pathToFileURL as urlOf } from 'node:url';\nimport { join as placeOf } from 'node:path';\n`;
  return {
    name: 'keep-places',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const found = await readFile(path, 'utf8');
        if (!found.includes('import.meta.url')) return undefined;
        const text = found.replace(/createRequire\(import\.meta\.url\)\('/g, "require('");
        const url = `urlOf(placeOf(__dirname, ${JSON.stringify(relative(place, path))})).href`;
        return { contents: imports + text.replaceAll('import.meta.url', url) };
      });
    },
  };
}

/** Modules stay modules where they are named, except `main`, which is a script itself. */
function leaveOut(names) {
  const places = new Map(names.map((name) => [join(cli, `${name}.js`), name]));
  return {
    name: 'leave-out',
    setup({ onResolve }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const name = kind === 'dynamic-import' ? places.get(join(resolveDir, path)) : undefined;
        if (name === undefined) return undefined;
        return { path: name === 'main' ? './main.cjs' : `${name}.js`, external: true };
      });
    },
  };
}

/** Those that look for binaries, {@link BINARIES} in place of what they look with. */
function findBinaries() {
  return {
    name: 'find-binaries',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(bindings|\.\/binding)$/ }, ({ path, importer }) => {
        return /better-sqlite3|sodium-native/.test(importer) ? { path, namespace: 'binary' } : null;
      });
      onResolve({ filter: /^/, namespace: 'binary' }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /^/, namespace: 'binary' }, ({ path }) => ({ contents: BINARIES[path] }));
    },
  };
}

/**
 * A package whose `exports` name nothing for require() is taken in, with what it imports itself in that way; so
 * are some small ones.
 */
function takeIn() {
  return {
    name: 'take-in',
    setup({ onResolve }) {
      onResolve({ filter: /^[^./#]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        try {
          const file = createRequire(importer).resolve(path);
          return SMALL.has(path) ? { path: file } : undefined;
        } catch (error) {
          if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
          return { path: fileURLToPath(import.meta.resolve(path)) };
        }
      });
    },
  };
}
