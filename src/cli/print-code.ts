/** The code of a site on the local network, where a person is there to hold a phone to it. */
import type { Daemon } from '../daemon/daemon.ts';
import type { Terminal } from './terminal.ts';

const ESC = '\u001b';

/** Prints the code; nothing where stdout is no terminal. */
export async function printCode(terminal: Terminal, daemon: Daemon): Promise<void> {
  if (!terminal.isLive || process.stdout.isTTY !== true) return;
  const { lanAddressOf, renderCode } = await import('../daemon/lan-code.ts');
  const address = lanAddressOf(daemon.streams);
  if (address === undefined) return;
  const lines = renderCode(address);
  // A terminal may be narrower, and a broken code is worse than none.
  if ((lines[0]?.length ?? 0) > process.stdout.columns) return;
  printLines(terminal, lines);
  terminal.print(`for phones on this network: ${terminal.paint('cyan', address)}`);
}

/** Prints the lines of a code. */
export function printLines(terminal: Terminal, lines: readonly string[]): void {
  const hasStyles = terminal.paint('bold', 'x') !== 'x';
  for (const line of lines) {
    // White on black, whatever the terminal's own colours are.
    terminal.print(hasStyles ? `${ESC}[97;40m${line}${ESC}[0m` : line);
  }
}
