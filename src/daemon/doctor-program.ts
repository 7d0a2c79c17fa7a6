/** The program itself: Node and the libraries that are made of machine code. */
import { suiteInUse } from '#crypto';
import { isDrayerError } from '../core/errors.ts';
import { connect } from '../store/database.ts';
import type { Finding } from './doctor.ts';

/** Checks the version of Node. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const message = `Node.js ${version}`;
  // From these on require() loads modules, which some packages are (src/cli/bin.ts).
  const isFit = major >= 20 && major !== 21 && minor >= ({ 20: 19, 22: 12 }[major] ?? 0);
  if (isFit) return { check: 'node', verdict: 'ok', message };
  return {
    check: 'node',
    verdict: 'wrong',
    message: `${message} is not 20.19, nor 22.12 or later`,
    remedy: 'get one at https://nodejs.org',
  };
}

/** Checks that SQLite opens a database, and which suite checks signatures. */
export function* checkLibraries(): Generator<Finding> {
  yield checkSqlite();
  yield checkSodium();
}

function checkSqlite(): Finding {
  const check = 'sqlite';
  try {
    connect('doctor', { bytes: Buffer.alloc(0) }).close();
    return { check, verdict: 'ok', message: 'better-sqlite3 opens a database' };
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return { check, verdict: 'wrong', message: error.message, remedy: error.hint };
  }
}

function checkSodium(): Finding {
  const check = 'signatures';
  if (suiteInUse() === 'native') {
    return { check, verdict: 'ok', message: 'sodium-native checks signatures' };
  }
  const isWished = process.env['DRAYER_CRYPTO'] === 'portable';
  return {
    check,
    verdict: 'warning',
    message: `signatures are checked without sodium-native, some hundred times slower${isWished ? ', because DRAYER_CRYPTO says so' : ''}`,
    remedy: isWished
      ? 'unset DRAYER_CRYPTO'
      : 'run `npm rebuild sodium-native` where drayer is installed',
  };
}
