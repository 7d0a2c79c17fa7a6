/** `drayer servers [stream] [add|rm URL]`: the servers that a stream itself names. */
import { DrayerError, EXIT } from '../../core/errors.ts';
import { addServer, removeServer } from '../../daemon/edit-servers.ts';
import { withReader } from '../../daemon/stream-facts.ts';
import { readPrimaryServers } from '../../store/typed-reads.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { chooseStream } from './choose-stream.ts';
import {
  chooseTarget,
  type EditFlags,
  editAndTell,
  inGeneration,
  jsonEdit,
} from './edit-output.ts';

/** Shows the servers, or changes one. */
export async function servers(
  session: Session,
  args: readonly string[],
  flags: EditFlags,
): Promise<number> {
  const { terminal } = session;
  const wish = parseWish(args);
  if (wish.verb === undefined) return list(session, wish.stream, flags);
  const { verb, url } = wish;
  const { target } = await chooseTarget(session, wish.stream, flags);
  const edit = verb === 'add' ? addServer : removeServer;
  const edited = await editAndTell(session, { target, flags }, (tx, { reader }) =>
    edit(tx, reader, url),
  );
  if (terminal.isJson) {
    const named = withReader(edited.path, readPrimaryServers);
    terminal.printJson({ ...jsonEdit(edited), url: edited.result, servers: named });
    return EXIT.done;
  }
  const said = `${edited.result}${inGeneration(edited)}`;
  if (verb === 'rm') terminal.print(`no longer named: ${said}`);
  else terminal.print(edited.changed ? `named: ${said}` : `named already: ${said}`);
  return EXIT.done;
}

type Wish =
  | { readonly verb: undefined; readonly stream: string | undefined }
  | { readonly verb: 'add' | 'rm'; readonly stream: string | undefined; readonly url: string };

function parseWish(args: readonly string[]): Wish {
  const at = args.findIndex((word) => word === 'add' || word === 'rm');
  const verb = args[at];
  const url = args[at + 1];
  if (at === -1 && args.length <= 1) return { verb: undefined, stream: args[0] };
  if (at > 1 || url === undefined || args.length > at + 2 || (verb !== 'add' && verb !== 'rm')) {
    throw new DrayerError('USAGE', `expected [stream] add URL or [stream] rm URL`, {
      hint: 'drayer servers site add https://example.org/',
    });
  }
  return { verb, stream: at === 1 ? args[0] : undefined, url };
}

async function list(session: Session, name: string | undefined, flags: EditFlags): Promise<number> {
  const { terminal } = session;
  const { path } = await chooseStream(session, name, flags);
  const named = withReader(path, readPrimaryServers);
  if (terminal.isJson) {
    terminal.printJson({ stream: path, servers: named });
    return EXIT.done;
  }
  for (const { url } of named) terminal.print(visible(url));
  if (named.length === 0) {
    terminal.say('this stream names no servers; drayer servers add URL names one');
  }
  return EXIT.done;
}
