/**
 * Names that are left out unless a pattern brings them back: what operating systems, editors and
 * version control leave lying about. Nothing that a site may need: `.well-known`, `.nojekyll`,
 * `.htaccess` and other hidden files are published.
 */

/** Of files and directories, compared without regard to case. */
const LITTER = new RegExp(
  [
    // macOS
    /\.DS_Store|\._.*|\.AppleDouble|\.LSOverride|\.Spotlight-V100|\.Trashes|\.fseventsd/,
    /\.TemporaryItems|\.DocumentRevisions-V100|\.apdisk|__MACOSX|Icon\r/,
    // Windows
    /Thumbs\.db(?::encryptable)?|ehthumbs(?:_vista)?\.db|desktop\.ini|\$RECYCLE\.BIN/,
    /System Volume Information/,
    // Linux
    /\.directory|\.Trash-.*|\.fuse_hidden.*|\.nfs[0-9a-f]+|lost\+found/,
    // Editors' backups and half-written files: Emacs, Vim (not Flash's .swf), Kate, offices, JetBrains
    /.*~|#.*#|\.#.*|.*\.(?:bak|orig|rej|tmp)|.*\.sw[m-px]|\..*\.sw[a-z]|.*\.kate-swp|\.~lock\..*|~\$.*/,
    /.*___jb_(?:tmp|old)___|\.goutputstream-.*|\.idea|\.vscode/,
    // Version control; .git itself is never published
    /\.git(?:ignore|attributes|modules|keep|hub|lab|lab-ci\.yml)|\.hgignore|CVS/,
    // What says how the site is published
    /drayer\.config\.m?[jt]s/,
  ]
    .map(({ source }) => `^(?:${source})$`)
    .join('|'),
  'i',
);

/** The file with which Vim tries out whether it may write here. A folder of that name is somebody's. */
const VIM_PROBE = '4913';

/** Tells whether a file or directory of this name is left out unless a pattern says otherwise. */
export function isLitter(name: string, isDirectory: boolean): boolean {
  return mayBeLitter(name) && (LITTER.test(name) || (name === VIM_PROBE && !isDirectory));
}

/** Tells whether {@link isLitter} may be true of one of these names, a line each: one cheap look for most. */
export function mayBeLitter(lines: string): boolean {
  return SUSPECT.test(lines);
}

const SUSPECT =
  /^[.~#$_4]|[~#_\r]$|^(?:thumbs|ehthumbs|desktop|system |lost\+|cvs|drayer\.)|\.(?:bak|orig|rej|tmp|sw[m-px])$/im;
