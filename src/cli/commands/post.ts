/** `drayer post [stream] <text>`: a short text into a stream. */
import { EXIT } from '../../core/errors.ts';
import { decodeUtf8, encodeUtf8 } from '../../core/utf8.ts';
import { checkNoSecret } from '../../daemon/edit-files.ts';
import { putPost } from '../../daemon/edit-posts.ts';
import { readInput } from '../../daemon/read-input.ts';
import { secretKeyOf } from '../../publish/stream-files.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import {
  chooseTarget,
  type EditFlags,
  editAndTell,
  inGeneration,
  jsonEdit,
} from './edit-output.ts';

/** Flags of `drayer post`. */
export type PostFlags = EditFlags & {
  readonly title?: string | undefined;
  readonly replace?: boolean | undefined;
  readonly allowSecrets?: boolean | undefined;
};

const MAX_POST_BYTES = 1024 * 1024;

/** Puts a post; with one argument that is the text, with two the first is the stream. */
export async function post(
  session: Session,
  first: string,
  second: string | undefined,
  { title, replace, ...flags }: PostFlags,
): Promise<number> {
  const { terminal } = session;
  const name = second === undefined ? undefined : first;
  const { target } = await chooseTarget(session, name, flags);
  const text = await readText(session, second ?? first);
  const rules = {
    secretKey: target.key?.secretKey ?? secretKeyOf(target.path),
    allowSecrets: flags.allowSecrets,
  };
  checkNoSecret('the post', encodeUtf8(`${title ?? ''}\n${text}`), rules);
  const edited = await editAndTell(session, { target, flags }, (tx, { reader }) =>
    putPost(tx, reader, { text, title, replace }),
  );
  if (terminal.isJson) {
    terminal.printJson({ ...jsonEdit(edited), title: edited.result });
    return EXIT.done;
  }
  const said = `"${visible(edited.result)}"${inGeneration(edited)}`;
  terminal.print(edited.changed ? `posted ${said}` : `nothing to post: ${said} is there already`);
  terminal.say('drayer posts lists them');
  return EXIT.done;
}

async function readText({ signal }: Session, argument: string): Promise<string> {
  if (argument !== '-') return argument;
  const { content } = await readInput('-', { maxBytes: MAX_POST_BYTES, signal });
  return decodeUtf8(content).replace(/\r?\n$/, '');
}
