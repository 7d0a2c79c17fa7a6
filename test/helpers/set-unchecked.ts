/** The note of a file that its signatures are still to be checked, without a mirror that has left it. */
import { connect } from '../../src/store/database.ts';
import { LocalAttributes } from '../../src/store/local-attributes.ts';
import { formatUnchecked, UNCHECKED_ATTRIBUTE, type Unchecked } from '../../src/store/unchecked.ts';

/** Puts it there, or takes it away. */
export function setUnchecked(path: string, unchecked: Unchecked | undefined): void {
  const connection = connect(path);
  try {
    const text = unchecked && formatUnchecked(unchecked);
    new LocalAttributes(connection).set(UNCHECKED_ATTRIBUTE, text);
  } finally {
    connection.close();
  }
}
