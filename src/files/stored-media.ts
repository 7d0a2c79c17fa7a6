/** Which files are compressed already, by the extension of their site path (R25). */

/** Extensions whose contents are compressed already: gzip would cost time and save nothing (R25). */
const COMPRESSED = new Set(
  (
    'jpg jpeg png gif webp avif heic heif jxl ' +
    'mp3 m4a aac ogg oga opus flac wma mp4 m4v webm mkv mov avi ogv wmv flv ' +
    'zip gz tgz bz2 tbz2 xz txz zst br lz4 lzma 7z rar jar apk cab dmg ' +
    'woff woff2 pdf epub docx xlsx pptx odt ods odp crx xpi whl deb rpm'
  ).split(' '),
);

/** Tells whether a file of this site path is written as stored blocks (R25). */
export function shouldStore(key: string): boolean {
  return COMPRESSED.has(extensionOf(key));
}

/** Returns the extension of a site path, in lower case; `gz` of `a.tar.gz`, none of `.html`, a hidden file. */
export function extensionOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot <= 0 ? '' : name.slice(dot + 1).toLowerCase();
}
