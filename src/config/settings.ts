/**
 * What a command runs with, by precedence: flag, environment, drayer.config.ts, default.
 * Flags, environment and config come in, settings go out; nothing is read from disk.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import type { DhtConfig } from './dht-config.ts';
import type { Config } from './load-config.ts';

/** The settings that can be given in more than one place. */
export type Settings = {
  /** 0 … 65535. */
  readonly port: number;
  /** Undefined: loopback, or everything with `lan`. */
  readonly host: string | undefined;
  readonly lan: boolean;
  /** How to use the mainline DHT; false: not at all. */
  readonly dht: DhtConfig | false;
  /** Have the router lead the port here from the Internet. */
  readonly upnp: boolean;
  /** Id or name of the stream to serve at `/`. */
  readonly site: string | undefined;
  readonly mount: string | undefined;
  readonly allowHosts: readonly string[];
  readonly cors: boolean;
  readonly listStreams: boolean;
  /** Folder of the mirrors. */
  readonly dataDir: string;
};

/** The same, as flags give them: only what was typed. */
export type SettingFlags = {
  readonly [Name in Exclude<keyof Settings, 'dht'>]?: Settings[Name] | undefined;
} & { readonly dht?: boolean | DhtConfig | undefined };

/** Port of the protocol (PROTOCOL.md §6). */
export const DEFAULT_PORT = 33_125;

/**
 * Settles every setting.
 *
 * A choice of `host` or `lan` made nearer to the person replaces both of a farther one: `--host`
 * wins over `lan: true` in the config, `--lan` over a configured host.
 *
 * @param flags - what was typed
 * @param environment - `process.env`; read are DRAYER_PORT, _HOST, _LAN, _DHT, _UPNP, _SITE,
 *   _MOUNT, _ALLOW_HOST (comma-separated), _CORS, _LIST_STREAMS and _DATA_DIR; and XDG_DATA_HOME
 * @throws {DrayerError} USAGE when a variable cannot be understood; the message names it
 */
export function resolveSettings(
  flags: SettingFlags,
  environment: Readonly<Record<string, string | undefined>>,
  config: SettingFlags | Config,
): Settings {
  const layers: readonly SettingFlags[] = [flags, readEnvironment(environment), config];
  const nearest = layers.find((layer) => layer.host !== undefined || layer.lan !== undefined) ?? {};
  if (flags.host !== undefined && flags.lan === true) {
    throw new DrayerError('USAGE', '--host and --lan exclude each other', {
      hint: '--lan listens on every network interface; --host on the one address given',
    });
  }
  return {
    port: first(layers, 'port') ?? DEFAULT_PORT,
    host: nearest.host,
    lan: nearest.lan ?? false,
    dht: chooseDht(layers),
    upnp: first(layers, 'upnp') ?? false,
    site: first(layers, 'site'),
    mount: first(layers, 'mount'),
    allowHosts: checkHostNames(first(layers, 'allowHosts') ?? [], '--allow-host'),
    cors: first(layers, 'cors') ?? false,
    listStreams: first(layers, 'listStreams') ?? true,
    dataDir: first(layers, 'dataDir') ?? defaultDataDir(environment),
  };
}

/** Returns the folder for what can be made again: `$XDG_CACHE_HOME/drayer`, by default `~/.cache/drayer`. */
export function cacheDir(environment: Readonly<Record<string, string | undefined>>): string {
  return join(xdgFolder(environment['XDG_CACHE_HOME'], '.cache'), 'drayer');
}

/** `$XDG_DATA_HOME/drayer`, by default `~/.local/share/drayer`. */
function defaultDataDir(environment: Readonly<Record<string, string | undefined>>): string {
  return join(xdgFolder(environment['XDG_DATA_HOME'], join('.local', 'share')), 'drayer');
}

/** The XDG specification: a relative path in the variable is to be ignored. */
function xdgFolder(value: string | undefined, fallback: string): string {
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), fallback);
}

/**
 * Reads a port as a person types it.
 *
 * @param where - the flag or variable, for the message
 * @throws {DrayerError} USAGE unless `text` is an integer from 0 to 65535
 */
export function parsePort(text: string, where: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new DrayerError(
    'USAGE',
    `${where}: expected an integer from 0 to 65535, got ${JSON.stringify(text)}`,
  );
}

/**
 * Refuses what no Host of a request can be, such as an address with its scheme or a name with `*`: it
 * would be taken without a word and never answered to.
 *
 * @param where - the flag, for the message
 * @throws {DrayerError} USAGE naming the first
 */
export function checkHostNames(names: readonly string[], where: string): readonly string[] {
  const wrong = names.find((name) => !/^\w(?:[\w.-]*\w)?$/.test(name));
  if (wrong === undefined) return names;
  throw new DrayerError(
    'USAGE',
    `${where}: expected a host name such as www.example.net, got ${JSON.stringify(wrong)}`,
    { hint: 'without scheme, port and *' },
  );
}

/** Whether: the nearest layer says. How: whichever layer says more than that. */
function chooseDht(layers: readonly SettingFlags[]): DhtConfig | false {
  const wish = layers.find(({ dht }) => dht !== undefined)?.dht ?? false;
  if (wish === false) return false;
  return layers.map(({ dht }) => dht).find((dht) => typeof dht === 'object') ?? {};
}

function first<Name extends Exclude<keyof Settings, 'dht'>>(
  layers: readonly Pick<SettingFlags, Name>[],
  name: Name,
): SettingFlags[Name] {
  for (const layer of layers) {
    const value = layer[name];
    if (value !== undefined) return value;
  }
  return undefined;
}

function readEnvironment(environment: Readonly<Record<string, string | undefined>>): SettingFlags {
  const read = (name: string): string | undefined => {
    const value = environment[name];
    return value === '' ? undefined : value;
  };
  const port = read('DRAYER_PORT');
  return {
    port: port === undefined ? undefined : parsePort(port, 'DRAYER_PORT'),
    host: read('DRAYER_HOST'),
    lan: parseSwitch(read('DRAYER_LAN'), 'DRAYER_LAN'),
    dht: parseSwitch(read('DRAYER_DHT'), 'DRAYER_DHT'),
    upnp: parseSwitch(read('DRAYER_UPNP'), 'DRAYER_UPNP'),
    site: read('DRAYER_SITE'),
    mount: read('DRAYER_MOUNT'),
    allowHosts: read('DRAYER_ALLOW_HOST')
      ?.split(',')
      .map((name) => name.trim()),
    cors: parseSwitch(read('DRAYER_CORS'), 'DRAYER_CORS'),
    listStreams: parseSwitch(read('DRAYER_LIST_STREAMS'), 'DRAYER_LIST_STREAMS'),
    dataDir: read('DRAYER_DATA_DIR'),
  };
}

function parseSwitch(text: string | undefined, name: string): boolean | undefined {
  if (text === undefined) return undefined;
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new DrayerError('USAGE', `${name}: expected 1 or 0, got ${JSON.stringify(text)}`);
}
