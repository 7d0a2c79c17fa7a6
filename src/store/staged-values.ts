/** The values of a staged generation while it becomes the visible one: which are there, which may lack. */
import { DrayerError } from '../core/errors.ts';
import { PROTOCOL_TYPE } from '../core/record.ts';
import type { Connection } from './database.ts';

// The visible record of the same id has the very value: a silent patch, or only a new place.
const KEEPS_ITS_VALUE = `EXISTS (SELECT 1 FROM main.record AS m
  WHERE m.chain = x'' AND m.id = w.id AND m.hash = w.hash AND m.value IS NOT NULL)`;

/**
 * Copies into the staging file the values that staged records want and a visible record has under
 * the same hash (R17): a rename's value leaves the table before the new record comes.
 */
export function fetchHeldValues(connection: Connection): void {
  // CROSS JOIN: from the few that are wanted to the many that are held, never the other way round.
  const held = connection.query<{ hash: Uint8Array }>(
    `SELECT DISTINCT w.hash FROM staged.drayer_missing AS w
      CROSS JOIN main.record AS m
        ON m.chain = x'' AND m.hash = w.hash AND m.value IS NOT NULL
      WHERE NOT ${KEEPS_ITS_VALUE}`,
  );
  const copy = connection.query(`UPDATE staged.record SET value = (
      SELECT m.value FROM main.record AS m
      WHERE m.chain = x'' AND m.hash = staged.record.hash AND m.value IS NOT NULL LIMIT 1)
    WHERE chain = x'' AND hash = ? AND value IS NULL`);
  const forget = connection.query('DELETE FROM staged.drayer_missing WHERE hash = ?');
  for (const { hash } of held.all()) {
    copy.run(hash);
    forget.run(hash);
  }
}

/** What of a job these look at. */
type ValueDemand = { readonly isPartial?: boolean | undefined };

/** Refuses a first generation while a value is wanted that nobody has brought. */
export function checkValues(connection: Connection, demand: ValueDemand): void {
  check(connection, demand, { schema: 'main.', unless: '' });
}

/** The same of a later one, in which a record may keep the value it has. */
export function checkNewValues(connection: Connection, demand: ValueDemand): void {
  check(connection, demand, { schema: 'staged.', unless: `AND NOT ${KEEPS_ITS_VALUE}` });
}

function check(
  connection: Connection,
  { isPartial = false }: ValueDemand,
  { schema, unless }: { readonly schema: string; readonly unless: string },
): void {
  const only = isPartial ? `AND r.type = '${PROTOCOL_TYPE}'` : '';
  const row = connection
    .query<{ id: number }>(
      `SELECT w.id FROM ${schema}drayer_missing AS w
        CROSS JOIN ${schema}record AS r INDEXED BY drayer_id ON r.chain = x'' AND r.id = w.id
        WHERE 1 ${only} ${unless} LIMIT 1`,
    )
    .get();
  if (row === undefined) return;
  throw new DrayerError('VALUE_NOT_HELD', `record ${row.id}: its value has not come`);
}

/** The value of a staged record, if it was brought. */
export function stagedValue(connection: Connection, id: number): Uint8Array | undefined {
  const row = connection
    .query<{ value: Uint8Array | null }>(
      "SELECT value FROM staged.record WHERE chain = x'' AND id = ?",
    )
    .get(id);
  return row?.value ?? undefined;
}
