/** Of some addresses that strangers have named, one that really has a stream. */
import { Contacts } from '../mirror/contacts.ts';
import { parsePeerUrl } from '../mirror/peer-url.ts';

const PATIENCE_MS = 10_000;

/** Who is asked. */
export type Asking = {
  /** As strangers have named them. */
  readonly urls: readonly string[];
  /** Only addresses of the public network are dialled. */
  readonly onlyGlobal: boolean;
  readonly signal: AbortSignal;
};

/**
 * Asks all of them at once, for 10 s at most.
 *
 * @returns the first that shows a record of the stream, with the signature of its key; undefined for none
 */
export async function whoHas(
  publicKey: Uint8Array,
  { urls, onlyGlobal, signal }: Asking,
): Promise<string | undefined> {
  const candidates = urls.map((url) => {
    return { peer: parsePeerUrl(url), kind: 'found' as const, onlyGlobal };
  });
  const contacts = new Contacts(candidates, { publicKey, signal });
  const untilMs = performance.now() + PATIENCE_MS;
  try {
    for (;;) {
      const good = contacts.answered.find(({ tip }) => tip !== undefined);
      if (good !== undefined) return good.candidate.peer.text;
      const leftMs = untilMs - performance.now();
      if (contacts.isDone || leftMs <= 0 || signal.aborted) return undefined;
      await contacts.more(leftMs);
    }
  } finally {
    contacts.close();
  }
}
