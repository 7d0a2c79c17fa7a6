/** A unit file as systemd reads it, as far as our examples use it: systemd.syntax(7), systemd.service(5). */

/** Section to key to every value it was given. */
export type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Parses a unit file; throws on a line that is none. */
export function parseUnit(text: string): Unit {
  const unit = new Map<string, Map<string, string[]>>();
  let section: Map<string, string[]> | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || /^[#;]/.test(line)) continue;
    const name = /^\[(\w+)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      section = new Map();
      unit.set(name, section);
      continue;
    }
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (section === undefined || key === undefined || value === undefined) {
      throw new Error(`line ${index + 1}: ${line}`);
    }
    section.set(key, [...(section.get(key) ?? []), value]);
  }
  return unit;
}

/** The only value of a key of [Service]. */
export function serviceValue(unit: Unit, key: string): string {
  const values = unit.get('Service')?.get(key) ?? [];
  if (values.length !== 1) throw new Error(`${key}: expected one value, got ${values.length}`);
  return `${values[0]}`;
}

/** What a command line is made of: the state folder for `%S`, and variables for `${NAME}`. */
export type Expansion = {
  readonly stateRoot: string;
  readonly variables: Readonly<Record<string, string>>;
};

/** Splits ExecStart into words, expanded; quotes are not understood. */
export function expandCommand(command: string, { stateRoot, variables }: Expansion): string[] {
  return command
    .split(' ')
    .map((word) =>
      word
        .replaceAll('%S', stateRoot)
        .replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? ''),
    );
}

/** The variables of all Environment= lines, expanded. */
export function environmentOf(unit: Unit, stateRoot: string): Record<string, string> {
  const lines = unit.get('Service')?.get('Environment') ?? [];
  const pairs = lines.flatMap((line) => line.replaceAll('%S', stateRoot).split(' '));
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
}
