/** `drayer qr [stream]`: a code that a phone reads, on the terminal or as a picture to print. */
import { resolve } from 'node:path';
import { EXIT } from '../../core/errors.ts';
import { renderCode, renderCodeSvg } from '../../daemon/lan-code.ts';
import { serversIn, shareAddressOf, shareLinkOf } from '../../daemon/share-address.ts';
import { readStreamId } from '../../daemon/stream-facts.ts';
import { writePicture } from '../../daemon/write-picture.ts';
import { printLines } from '../print-code.ts';
import { addressesOf } from '../running-stream.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer qr`. */
export type QrFlags = StreamFlags & {
  /** Write an SVG picture there. */
  readonly svg?: string | undefined;
  /** The `drayer://` link instead of an address for browsers. */
  readonly link?: boolean | undefined;
};

/** Prints the code of a stream, or writes it into a file. */
export async function qr(
  session: Session,
  name: string | undefined,
  flags: QrFlags,
): Promise<number> {
  const { terminal } = session;
  const stream = await chooseStream(session, name, flags);
  const { publicKey } = readStreamId(stream.path);
  const servers = serversIn(stream.path);
  const addresses = await servedAt(session, { path: stream.path, publicKey }, flags);
  const shared = { publicKey, name: stream.name, servers, addresses };
  const text = flags.link ? shareLinkOf(shared) : shareAddressOf(shared);
  const svg = flags.svg === undefined ? undefined : resolve(flags.svg);
  if (svg !== undefined) writePicture(svg, renderCodeSvg(text));
  if (terminal.isJson) {
    terminal.printJson({ text, svg });
    return EXIT.done;
  }
  if (svg === undefined) printLines(terminal, renderCode(text));
  terminal.print(text);
  if (svg !== undefined) terminal.say(`the code is in ${svg}`);
  if (!flags.link && text.startsWith('drayer:')) {
    terminal.say(
      'no server is known where a browser finds it: drayer serve --lan gives it one here',
    );
  }
  return EXIT.done;
}

/** What the daemon says; else what any server of this machine shows, such as `publish --serve`. */
async function servedAt(
  session: Session,
  { path, publicKey }: { readonly path: string; readonly publicKey: Uint8Array },
  flags: QrFlags,
): Promise<readonly string[]> {
  const told = await addressesOf(session, path, flags);
  if (told.length > 0) return told;
  const { port, mount } = await session.settings();
  const { findLanServer } = await import('../../daemon/find-lan-server.ts');
  const found = await findLanServer(publicKey, { port, mount, signal: session.signal });
  return found === undefined ? [] : [found];
}
