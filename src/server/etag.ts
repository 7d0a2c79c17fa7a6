/**
 * Entity tags (RFC 9110 §8.8.3). A value never changes under its hash, so its tag is strong; each
 * form of it that goes over the wire has a tag of its own.
 */
import { hash } from '#crypto';
import type { ChainView } from '../core/chain.ts';

/** An element of a list of tags; what is none is passed over. `W/` is never written `w/`. */
const LISTED = /(?:^|,)[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/g;

/** Strong tag of a value as stored. */
export function valueEtag(valueHash: Uint8Array): string {
  return `"${toHex(valueHash)}"`;
}

/** Strong tag of a file in one of its forms; `gzip` is the stored one. */
export function fileEtag(valueHash: Uint8Array, form: 'gzip' | 'identity'): string {
  return form === 'gzip' ? valueEtag(valueHash) : `"${toHex(valueHash)}-id"`;
}

/** Strong tag of a page with the live reload script in it, which names the tip the page is of. */
export function liveEtag(valueHash: Uint8Array, tip: number): string {
  return `"${toHex(valueHash)}-live-${tip}"`;
}

/** Weak tag of a body made on request, which may be compressed on its way. */
export function bodyEtag(body: Uint8Array): string {
  return `W/"${toHex(hash(body)).slice(0, 32)}"`;
}

/**
 * Strong tag of anything that depends on the state of a stream alone: a state has one tip, and the
 * tip's signature is of no other history.
 */
export function stateEtag(view: ChainView): string {
  const tip = view.modifiedTip();
  const signature = view.byModified(tip)?.signature ?? new Uint8Array();
  return `"${tip}-${toHex(signature.subarray(0, 16))}"`;
}

/** Tells whether `tag` is in the list of an If-None-Match or If-Match header; `*` is every tag. */
export function listsEtag(header: string, tag: string, comparison: 'weak' | 'strong'): boolean {
  if (header.trim() === '*') return true;
  for (const [, listed = ''] of header.matchAll(LISTED)) {
    if (sameEtag(listed, tag, comparison)) return true;
  }
  return false;
}

/** Compares two entity tags (RFC 9110 §8.8.3.2). */
export function sameEtag(a: string, b: string, comparison: 'weak' | 'strong'): boolean {
  if (comparison === 'strong') return a === b && !a.startsWith('W/');
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
