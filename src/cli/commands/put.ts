/** `drayer put <stream> <path> [file]`: one file into a site, without publishing a folder. */
import { relative } from 'node:path';
import { DrayerError, EXIT } from '../../core/errors.ts';
import { checkPutFile, foreseePublish, typedSitePath } from '../../daemon/edit-files.ts';
import type { Edited } from '../../daemon/edit-stream.ts';
import { type Input, readInput } from '../../daemon/read-input.ts';
import { MAX_FILE_BYTES } from '../../files/site-path.ts';
import { secretKeyOf } from '../../publish/stream-files.ts';
import { bytes } from '../format.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import {
  chooseTarget,
  type EditFlags,
  editAndTell,
  folderOf,
  inGeneration,
  jsonEdit,
} from './edit-output.ts';

/** Flags of `drayer put`. */
export type PutFlags = EditFlags & { readonly allowSecrets?: boolean | undefined };

/** Puts a file; `-` is stdin, and without a name it is the file of that path here. */
export async function put(
  session: Session,
  args: { readonly stream: string; readonly path: string; readonly file: string | undefined },
  flags: PutFlags,
): Promise<number> {
  const { terminal, signal } = session;
  const from = args.file ?? args.path;
  if (from === '-' && flags.keyStdin) throw stdinTwice();
  const { stream, target } = await chooseTarget(session, args.stream, flags);
  const { maxFileBytes: maxBytes = MAX_FILE_BYTES } = await session.config();
  const key = typedSitePath(args.path);
  const { content, timeMicros } = await readInput(from, { maxBytes, signal });
  const rules = {
    secretKey: target.key?.secretKey ?? secretKeyOf(target.path),
    allowSecrets: flags.allowSecrets,
  };
  const edited = await editAndTell(session, { target, flags }, (tx, { reader }) => {
    checkPutFile(reader, { key, content }, rules);
    tx.putFile(key, content, { timeMicros });
  });
  const folder = folderOf(stream);
  const next = folder === undefined ? undefined : foreseePublish(folder, key, content);
  if (next === 'removes' || next === 'replaces') warn(session, { folder, key, next });
  if (terminal.isJson) {
    terminal.printJson({ ...jsonEdit(edited), key, bytes: content.length, nextPublish: next });
    return EXIT.done;
  }
  terminal.print(sentence(key, content, edited));
  return EXIT.done;
}

function sentence(key: string, content: Input['content'], edited: Edited<void>): string {
  const file = `${visible(key)}, ${bytes(content.length)}`;
  return edited.changed
    ? `put ${file}${inGeneration(edited)}`
    : `nothing to put: ${file}, is there already${inGeneration(edited)}`;
}

type Warning = { readonly folder: string | undefined; readonly key: string; readonly next: string };

function warn({ terminal }: Session, { folder = '', key, next }: Warning): void {
  const site = relative('.', folder) || '.';
  const file = visible(key);
  const what =
    next === 'removes'
      ? `removes ${file} again, since the folder has no such file`
      : `replaces ${file} by what the folder has`;
  terminal.complain('warning', `the next drayer publish ${site} ${what}`);
  terminal.complain('hint', `to keep it, put it into ${site} too`);
}

function stdinTwice(): DrayerError {
  return new DrayerError('USAGE', 'stdin cannot be both the key and the content', {
    hint: 'give the key with --key-file or in DRAYER_KEY, or name a file in place of -',
  });
}
