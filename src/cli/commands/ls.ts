/** `drayer ls [stream]`: what is in a stream. */
import { EXIT } from '../../core/errors.ts';
import { type ListedRecord, listRecords, withReader } from '../../daemon/stream-facts.ts';
import { bytes, count, table, time } from '../format.ts';
import { recordType } from '../record-type.ts';
import type { Session } from '../session.ts';
import { visible } from '../terminal.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer ls`. */
export type LsFlags = StreamFlags & { readonly type?: string | undefined };

/** Lists the records of a type: size, time, key. */
export async function ls(
  session: Session,
  name: string | undefined,
  flags: LsFlags,
): Promise<number> {
  const { terminal } = session;
  const type = recordType(flags.type ?? 'file');
  const stream = await chooseStream(session, name, flags);
  const records = withReader(stream.path, (reader) => listRecords(reader, type));
  if (terminal.isJson) {
    const list = records.map(jsonRecord);
    const { path } = stream;
    terminal.printJson(
      type === 'file' ? { stream: path, files: list } : { stream: path, records: list },
    );
    return EXIT.done;
  }
  const rows = records.map((record) => [size(record), time(record.time), visible(record.key)]);
  for (const line of table(rows, [0])) terminal.print(line);
  const noun = type === 'file' ? 'file' : `record of type ${type}`;
  const nouns = type === 'file' ? 'files' : `records of type ${type}`;
  const total = records.reduce((sum, record) => sum + (record.storedBytes ?? 0), 0);
  terminal.say(
    `${count(records.length, noun, nouns)}, ${bytes(total)} as stored in ${stream.path}`,
  );
  return EXIT.done;
}

function size({ contentBytes, storedBytes }: ListedRecord): string {
  const length = contentBytes ?? storedBytes;
  return length === undefined ? 'wanted' : bytes(length);
}

function jsonRecord({ hash, ...record }: ListedRecord): object {
  return { ...record, hash: Buffer.from(hash).toString('hex') };
}
