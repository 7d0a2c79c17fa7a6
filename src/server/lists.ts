/** The JSON lists of a type's records, in the form of the protocol's readme. */
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';

/**
 * Lists a type as `[[key, id], …]` (order `id`, newest id first) or `[[key, modified], …]` (order
 * `modified`, newest first). `after` and `before` are exclusive.
 *
 * The original swaps the second elements and filters both lists on the id, against its own readme.
 */
export function listJson(
  reader: StreamReader,
  type: string,
  bounds: {
    readonly order: 'id' | 'modified';
    readonly after?: number | undefined;
    readonly before?: number | undefined;
  },
): string {
  const items = reader.listByType(type, { ...bounds, limit: LIMITS.listRows });
  return JSON.stringify(items.map((item) => [item.key, item[bounds.order]]));
}
