/** What a site path's extension says about a file: its media type, and whether it is compressed already. */
import mimeTypes from 'mime-types';

/** Extensions whose contents are compressed already: gzip would cost time and save nothing (R25). */
const COMPRESSED = new Set(
  (
    'jpg jpeg png gif webp avif heic heif jxl ' +
    'mp3 m4a aac ogg oga opus flac wma mp4 m4v webm mkv mov avi ogv wmv flv ' +
    'zip gz tgz bz2 tbz2 xz txz zst br lz4 lzma 7z rar jar apk cab dmg ' +
    'woff woff2 pdf epub docx xlsx pptx odt ods odp crx xpi whl deb rpm'
  ).split(' '),
);

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

/** Tells whether a file of this site path is written as stored blocks (R25). */
export function shouldStore(key: string): boolean {
  return COMPRESSED.has(extensionOf(key));
}

// `.html` is a hidden file without extension, `a.tar.gz` has the extension `gz`.
function extensionOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot + 1).toLowerCase();
}
