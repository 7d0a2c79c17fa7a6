/** `drayer doctor`: looks at everything that has to be right around drayer, and says what to do. */
import { EXIT } from '../../core/errors.ts';
import { examine, type Finding } from '../../daemon/doctor.ts';
import { count } from '../format.ts';
import type { Session } from '../session.ts';
import type { Style } from '../terminal.ts';
import { visible } from '../terminal.ts';
import { readVersion } from '../version.ts';

/** Flags of `drayer doctor`. */
export type DoctorFlags = {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly lan?: boolean | undefined;
  readonly dht?: boolean | undefined;
  readonly dataDir?: string | undefined;
};

const STYLES = {
  ok: 'green',
  warning: 'yellow',
  wrong: 'red',
} as const satisfies Record<Finding['verdict'], Style>;

/** Examines, and ends with status 9 where something is wrong. */
export async function doctor(session: Session, flags: DoctorFlags): Promise<number> {
  const { terminal, signal } = session;
  const { dht, ...rest } = flags;
  const settings = await session.settings(rest);
  if (dht) {
    terminal.say(
      '--dht: nodes on the Internet are asked for a key that is made up; they see this address',
    );
  }
  const findings: Finding[] = [];
  const examined = {
    settings,
    config: await session.config(),
    version: readVersion(),
    asksDht: dht === true,
    signal,
  };
  for await (const finding of examine(examined)) {
    signal.throwIfAborted();
    findings.push(finding);
    if (!terminal.isJson) print(session, finding);
  }
  const of = (verdict: Finding['verdict']): number =>
    findings.filter((finding) => finding.verdict === verdict).length;
  const [wrong, warnings] = [of('wrong'), of('warning')];
  if (terminal.isJson) terminal.printJson({ wrong, warnings, findings });
  else if (wrong + warnings === 0) terminal.say('all is well');
  else terminal.say(`${count(wrong, 'thing')} wrong, ${count(warnings, 'warning')}`);
  return wrong === 0 ? EXIT.done : EXIT.checkFailed;
}

function print({ terminal }: Session, { verdict, message, remedy }: Finding): void {
  terminal.print(`${terminal.paint(STYLES[verdict], verdict.padEnd(7))}  ${visible(message)}`);
  if (remedy !== undefined) terminal.print(`         remedy: ${visible(remedy)}`);
}
