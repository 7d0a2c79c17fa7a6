/**
 * The shape of drayer.config.ts: what a person may write, every field optional.
 * The types carry the documentation, the valibot schema carries the checks; a line of code at the
 * bottom makes the compiler compare the two. Nothing here reads a file.
 */
import { posix } from 'node:path';
import * as v from 'valibot';
import { DrayerError } from '../core/errors.ts';
import { type AutoMirrorConfig, autoMirrorSchema } from './auto-mirror-config.ts';
import { type DhtConfig, dhtSchema } from './dht-config.ts';
import { parseLifetime } from './lifetime.ts';
import { PUSH_FIELDS, type PushConfig, pushSchema } from './push-config.ts';
import { byteCount, port, text } from './schema-parts.ts';
import { SERVE_FIELDS, type ServeConfig, serveSchema } from './serve-config.ts';

/** A tool that makes the site: `drayer publish` runs it and publishes what it wrote. */
export type BuildConfig = {
  /** Command line, run as npm runs a script: by the shell, in the folder of the config file. */
  readonly command: string;
  /** Folder that the command writes, relative to the config file: what is published. */
  readonly output: string;
  /** Command line of the tool's own watcher, which runs beside `drayer publish --watch`. Default: none. */
  readonly watch?: string | undefined;
};

/** One stream of a config: a folder to publish, a stream file to serve, or both. */
export type StreamConfig = {
  /** Folder to publish, relative to the config file. Left out: the stream is only served. */
  readonly directory?: string | undefined;
  /** What makes the folder to publish, instead of `directory`. */
  readonly build?: BuildConfig | undefined;
  /** Stream file, relative to the config file. Default: `NAME.stream` beside the folder. */
  readonly path?: string | undefined;
  /** File of the secret key, relative to the config file. Default: the stream file's name with `.privatekey` added. */
  readonly keyFile?: string | undefined;
  /** What people call it, in lists and as the value of `site`. Default: the name of the folder or file. */
  readonly name?: string | undefined;
  /** The servers that mirrors of this stream should ask first. Default: those of the whole config. */
  readonly servers?: readonly string[] | undefined;
  /** The server this stream is published to. Default: that of the whole config. */
  readonly to?: string | undefined;
};

/** What drayer.config.ts exports by default; see {@link defineConfig}. */
export type DrayerConfig = {
  /** Folder to publish, relative to this file. Short for `streams: [{ directory }]`. */
  readonly directory?: string | undefined;
  /** What makes the folder to publish, instead of `directory`: `{ command: 'npx eleventy', output: '_site' }`. */
  readonly build?: BuildConfig | undefined;
  /** Stream file of `directory`. Default: `NAME.stream` beside it. */
  readonly stream?: string | undefined;
  /** File of the secret key of `directory`. Default: the stream file's name with `.privatekey` added. */
  readonly keyFile?: string | undefined;
  /** Several streams, instead of `directory`. */
  readonly streams?: readonly StreamConfig[] | undefined;

  /** Port to serve on, 0 for any free one. Default: 33125. */
  readonly port?: number | undefined;
  /** Address to listen on. Default: this machine only, over IPv4 and IPv6. */
  readonly host?: string | undefined;
  /** Lets other machines in: listens on every network interface. Default: false. */
  readonly lan?: boolean | undefined;
  /** Looks in the mainline DHT for others who have the streams, and announces them there to everybody. Default: false. */
  readonly dht?: boolean | DhtConfig | undefined;
  /** Has the router lead the port here from the Internet while it is served (UPnP, NAT-PMP). Default: false. */
  readonly upnp?: boolean | undefined;
  /** With `lan`: mirrors what is heard on the network without a question, at most so much. Default: nothing. */
  readonly autoMirror?: 'nearby' | AutoMirrorConfig | undefined;
  /** Stream to serve at `/`: its id in any spelling, or its `name`. Default: none. */
  readonly site?: string | undefined;
  /** Path the server stands under behind a proxy, such as `/drayer`. Default: none. */
  readonly mount?: string | undefined;
  /** Host names the server answers to, besides addresses, `localhost` and this machine's own name. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Lets pages of other origins read the sync endpoints on loopback too. Default: false. */
  readonly cors?: boolean | undefined;
  /** Shows at `/streams.json` what is served here. Default: true. */
  readonly listStreams?: boolean | undefined;
  /** What an operator asks of `drayer serve`: logs, metrics, proxies, TLS, names and ports of sites. */
  readonly serve?: ServeConfig | undefined;

  /** Who may push streams to this server. Default: the keys of `drayer allow`. */
  readonly push?: PushConfig | undefined;

  /** Folder of the mirrors, relative to this file. Default: `$XDG_DATA_HOME/drayer`. */
  readonly dataDir?: string | undefined;
  /** What to leave out besides what `.drayerignore` files say, in the syntax of .gitignore. `!name` brings back what is left out by default. */
  readonly ignore?: readonly string[] | undefined;
  /** Files to publish though they seem to contain secrets, in the syntax of .gitignore. Default: none. */
  readonly allowSecrets?: readonly string[] | undefined;
  /** Broken links before a publish: say which, publish nothing, or do not look. Default: `warn` where CI is set, else `off`. */
  readonly checkLinks?: 'warn' | 'error' | 'off' | undefined;
  /** Says in the stream which commit and CI run a generation was made from, where the environment tells. Default: false. */
  readonly provenance?: boolean | undefined;
  /**
   * How long visitors of mirrors may take a generation for fresh, such as `30 days`; after that they are told
   * that it is stale. A publish makes a new one when less than half is left, and so does `--watch`. `never`
   * takes it back. Default: as it was, in a new stream `never`.
   */
  readonly expires?: string | undefined;
  /** Largest file that is published, in bytes. Default: 64 MiB, what mirrors accept. */
  readonly maxFileBytes?: number | undefined;
  /**
   * The servers that mirrors should ask first, such as `https://example.org/`, at most 8. A publish names
   * exactly these in every stream that has no list of its own. Default: what the streams name stays.
   */
  readonly servers?: readonly string[] | undefined;
  /**
   * The server that streams are published to, such as `https://example.org/`: they are then written there
   * and only there, from whatever machine. Default: none, they are written to their stream files.
   */
  readonly to?: string | undefined;
};

/**
 * Checks what a config file exports.
 *
 * @param value - any value at all; never changed
 * @param file - the file's path, for the message
 * @throws {DrayerError} CONFIG_INVALID naming the field, what was expected and what came
 */
export function checkConfig(value: unknown, file: string): DrayerConfig {
  const result = v.safeParse(schema, value);
  if (!result.success) throw invalid(file, describeIssue(result.issues[0]));
  const config: DrayerConfig = result.output;
  checkTogether(config, file);
  return config;
}

const mount = v.pipe(
  v.string(),
  v.regex(/^\/[\w.~!$&'()*+,;=:@%-]+(\/[\w.~!$&'()*+,;=:@%-]+)*\/?$/, 'a path such as /drayer'),
);

const hostName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'a host name without port or scheme'),
);

const lifetime = v.pipe(
  v.string(),
  v.check((it) => parseLifetime(it) !== undefined, '12 hours, 30 days, 1 week or never'),
);

const serverUrl = v.pipe(
  v.string(),
  v.check(
    (url) => /^https?:\/\/[^\s?#@]+$/i.test(url) && URL.canParse(url),
    'an address such as https://example.org/',
  ),
);

const servers = v.pipe(v.array(serverUrl), v.maxLength(8, 'at most 8 addresses'));

const build = v.strictObject({ command: text, output: text, watch: v.optional(text) });

const stream = v.strictObject({
  directory: v.optional(text),
  build: v.optional(build),
  path: v.optional(text),
  keyFile: v.optional(text),
  name: v.optional(text),
  servers: v.optional(servers),
  to: v.optional(serverUrl),
});

const schema = v.strictObject({
  directory: v.optional(text),
  build: v.optional(build),
  stream: v.optional(text),
  keyFile: v.optional(text),
  streams: v.optional(v.array(stream)),
  port: v.optional(port),
  host: v.optional(text),
  lan: v.optional(v.boolean()),
  dht: v.optional(dhtSchema),
  autoMirror: v.optional(autoMirrorSchema),
  upnp: v.optional(v.boolean()),
  site: v.optional(text),
  mount: v.optional(mount),
  allowHosts: v.optional(v.array(hostName)),
  cors: v.optional(v.boolean()),
  listStreams: v.optional(v.boolean()),
  serve: v.optional(serveSchema),
  push: v.optional(pushSchema),
  dataDir: v.optional(text),
  ignore: v.optional(v.array(text)),
  allowSecrets: v.optional(v.array(text)),
  checkLinks: v.optional(v.picklist(['warn', 'error', 'off'])),
  provenance: v.optional(v.boolean()),
  expires: v.optional(lifetime),
  maxFileBytes: v.optional(byteCount),
  servers: v.optional(servers),
  to: v.optional(serverUrl),
});

/** The names a config may have, for the hint after a misspelt one. */
const FIELDS = Object.keys(schema.entries);
const STREAM_FIELDS = Object.keys(stream.entries);
const BUILD_FIELDS = Object.keys(build.entries);

// Fails to compile when a field is added to the type and not to the schema.
type Unchecked = Exclude<keyof DrayerConfig, keyof typeof schema.entries>;
type UncheckedStream = Exclude<keyof StreamConfig, keyof typeof stream.entries>;
type UncheckedBuild = Exclude<keyof BuildConfig, keyof typeof build.entries>;
const nothingUnchecked: [Unchecked | UncheckedStream | UncheckedBuild] extends [never]
  ? true
  : false = true;
void nothingUnchecked;

function checkTogether(config: DrayerConfig, file: string): void {
  const single = (['directory', 'build', 'stream', 'keyFile'] as const).find(
    (name) => config[name] !== undefined,
  );
  if (single !== undefined && config.streams !== undefined) {
    throw invalid(file, `${single}: expected either this field or streams, got both`);
  }
  checkOneFolder(config, 'directory', file);
  if (config.keyFile !== undefined && (config.directory ?? config.build) === undefined) {
    throw invalid(file, 'keyFile: expected directory beside it, got none');
  }
  for (const [index, entry] of (config.streams ?? []).entries()) {
    checkOneFolder(entry, `streams[${index}].directory`, file);
    if ((entry.directory ?? entry.build ?? entry.path) !== undefined) continue;
    throw invalid(file, `streams[${index}]: expected directory, path or both, got neither`);
  }
  if (config.host !== undefined && config.lan === true) {
    throw invalid(file, 'host: expected either host or lan, got both');
  }
}

function checkOneFolder(
  { directory, build }: StreamConfig | DrayerConfig,
  field: string,
  file: string,
): void {
  const output = build && posix.normalize(build.output.replaceAll('\\', '/'));
  // A folder above would be published with all that is in it, the key of the stream too.
  if (output !== undefined && /^(?:\.\.\/?)+$/.test(output)) {
    const message = `build.output: expected the folder that the command writes, got ${build?.output}`;
    throw invalid(file, message);
  }
  if (directory === undefined || build === undefined) return;
  throw invalid(file, `${field}: expected either this field or build with its output, got both`);
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const path = fieldPath(issue);
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return `${path}: no such field; there are ${fieldsBeside(issue).join(', ')}`;
  }
  // What is missing altogether is told of the object around it.
  if (issue.type === 'strict_object' && issue.received === 'undefined' && path.includes('.')) {
    return `${path}: expected string, got nothing`;
  }
  const expected = issue.kind === 'schema' ? (issue.expected ?? 'something else') : issue.message;
  const got = issue.kind === 'schema' ? typeName(issue.input) : JSON.stringify(issue.input);
  const subject = path === '' ? 'default export' : path;
  return `${subject}: expected ${expected.toLowerCase()}, got ${got}`;
}

/** The names that are known where a field has another one. */
function fieldsBeside({ path }: v.BaseIssue<unknown>): readonly string[] {
  if (path?.at(-2)?.key === 'build') return BUILD_FIELDS;
  if (path?.at(-2)?.key === 'push') return PUSH_FIELDS;
  if (path?.at(-2)?.key === 'serve') return SERVE_FIELDS;
  return path?.length === 1 ? FIELDS : STREAM_FIELDS;
}

/** `streams[1].path`, as JavaScript would write it. */
function fieldPath(issue: v.BaseIssue<unknown>): string {
  let path = '';
  for (const item of issue.path ?? []) {
    if (typeof item.key === 'number') path += `[${item.key}]`;
    else path += path === '' ? String(item.key) : `.${String(item.key)}`;
  }
  return path;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function invalid(file: string, message: string): DrayerError {
  return new DrayerError('CONFIG_INVALID', `${file}: ${message}`, {
    hint: 'change that field; drayer.config.ts starts with import { defineConfig } from "drayer", so an editor shows what each one means',
  });
}
