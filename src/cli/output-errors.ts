/** `drayer ls | head` closes our stdout early, which is no error; a full disk behind it is one. */
import { DrayerError, EXIT } from '../core/errors.ts';
import { reportError } from './report-error.ts';
import { createTerminal } from './terminal.ts';

/** Ends the process where it cannot print, until the function that is returned is called. */
export function watchOutput(): () => void {
  const { stdout, stderr } = process;
  const end = (error: NodeJS.ErrnoException, isResult: boolean): never => {
    if (error.code === 'EPIPE') process.exit();
    if (isResult) {
      const terminal = createTerminal({ json: false, quiet: false, environment: process.env });
      reportError(outputError(error), terminal, Boolean(process.env['DRAYER_DEBUG']));
    }
    process.exit(EXIT.failed);
  };
  const onResult = (error: Error): never => end(error, true);
  const onRemark = (error: Error): never => end(error, false);
  stdout.on('error', onResult);
  stderr.on('error', onRemark);
  return () => {
    stdout.off('error', onResult);
    stderr.off('error', onRemark);
  };
}

function outputError(cause: NodeJS.ErrnoException): DrayerError {
  const reason = cause.code === 'ENOSPC' ? 'no space left on the device' : cause.message;
  const hint =
    'what was printed so far is cut off; make room where the output goes, or choose another place';
  return new DrayerError('STORAGE_FAILED', `cannot write the result to stdout: ${reason}`, {
    cause,
    hint,
  });
}
