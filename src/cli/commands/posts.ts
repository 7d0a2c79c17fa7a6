/** `drayer posts [stream]`: the posts of a stream, the newest first. */
import { EXIT } from '../../core/errors.ts';
import { withReader } from '../../daemon/stream-facts.ts';
import { readPosts } from '../../store/typed-reads.ts';
import { count, time } from '../format.ts';
import type { Session } from '../session.ts';
import { visible, visibleLines } from '../terminal.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Prints the posts. */
export async function posts(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
): Promise<number> {
  const { terminal } = session;
  const { path } = await chooseStream(session, name, flags);
  const list = withReader(path, (reader) => reader.reading(() => [...readPosts(reader)]));
  if (terminal.isJson) {
    terminal.printJson({ stream: path, posts: list });
    return EXIT.done;
  }
  for (const { title, text, timestamp } of list) {
    terminal.print(terminal.paint('dim', time(timestamp)));
    const lines = visibleLines(text);
    // A title that was taken from the text would be there twice.
    const isTold = text.startsWith(title.replace(/…$/, ''));
    if (!isTold) terminal.print(`  ${terminal.paint('bold', visible(title))}`);
    for (const line of lines) terminal.print(`  ${line}`);
  }
  terminal.say(`${count(list.length, 'post')} in ${path}`);
  return EXIT.done;
}
