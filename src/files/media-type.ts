/** The media type a site path's extension stands for. */
import mimeTypes from 'mime-types';
import { extensionOf } from './stored-media.ts';

/**
 * Returns the `Content-Type` of a site path, with charset for text: `text/html; charset=utf-8`.
 * `application/octet-stream` when the extension is unknown or missing.
 */
export function mediaTypeOf(key: string): string {
  const extension = extensionOf(key);
  // contentType() takes a bare word for an extension too: only ask with the dot.
  const type = extension === '' ? false : mimeTypes.contentType(`.${extension}`);
  return type === false ? 'application/octet-stream' : type;
}
