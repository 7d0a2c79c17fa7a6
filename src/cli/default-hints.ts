/** What to do about an error that brings no hint of its own: the way out that is right for its code. */
import type { ErrorCode } from '../core/errors.ts';

const DAMAGED = 'drayer verify FILE says what is wrong with it; a mirror has a sound copy';
const PEER = 'nothing of it was kept; try another server that has this stream';

/** By code. Codes that never reach a person without a hint are not in here. */
export const DEFAULT_HINTS: { readonly [code in ErrorCode]?: string } = {
  USAGE: 'drayer help COMMAND shows what there is',
  STREAM_ID_INVALID: 'copy the id from drayer info, in any spelling',
  INPUT_NEEDED: 'give the answer on the command line',
  RECORD_INVALID: DAMAGED,
  SIGNATURE_INVALID: DAMAGED,
  CHAIN_BROKEN: DAMAGED,
  CHAIN_FULL: 'this stream can take no more records; publish into a new one',
  SNAPSHOT_MISMATCH: PEER,
  PROOF_INVALID: PEER,
  MALFORMED: PEER,
  PEER_MISBEHAVED: PEER,
  PEER_INCOMPLETE: 'try again later, or another server; what was fetched is kept',
  TWO_HISTORIES: 'ask the owner of the key: it was used in two places, or it was stolen',
  CONFLICT: 'publish again; nothing was lost',
  TOO_LARGE: 'a limit can be raised in drayer.config.ts: maxFileBytes',
  FILE_RECORD_INVALID: 'only this file is concerned; its publisher has to publish it again',
  PATH_INVALID: 'rename the file, and publish again',
  FILE_UNREADABLE: 'check who may read the file, and publish again',
  FILE_CHANGING: 'publish again when the program that writes it has finished',
  STREAM_NOT_FOUND: 'check the path; drayer publish DIR makes a stream',
  STREAM_EXISTS: 'choose another name; what is there is not touched',
  STREAM_INVALID: `check that it is a stream; ${DAMAGED}`,
  STREAM_READ_ONLY: 'check that its key is beside it, and who may write the file',
  STREAM_BUSY: 'another drayer is writing to it: try again when that has finished',
  STREAM_BEHIND_MARK: 'bring it up to date first: drayer recover --from URL',
  RECORD_NOT_FOUND: 'drayer ls shows what there is',
  VALUE_NOT_HELD: 'drayer mirror URL fetches what is missing, with --all what was left out too',
  STORAGE_FAILED: 'check the disk: is it full, read-only, or gone?',
  KEY_INVALID: 'restore the key file from your copy of it',
  UNREACHABLE: 'check the address, and that both machines are on one network',
  NOT_FOUND: 'check the address and the id',
  NOT_SUPPORTED: 'that server is too old for this',
};
