/** What may cross the wire and how long it may take (R19). Each limit has a clear error behind it. */

/** Sizes in bytes, times in milliseconds, counts as such. */
export const LIMITS = {
  /** Inline values of one page. */
  pageBytes: 8_388_608,
  /** Value of one record, by default. */
  recordBytes: 67_108_864,
  /** All of a record but its value: type, key, fields nobody knows. */
  metadataBytes: 1_048_576,
  /** Records of one page, at most and by default. */
  pageRecords: 10_000,
  /** First bytes of a value in `head`. */
  headBytes: 256,
  /** Body of a `newRecordAvailable`. */
  announceBytes: 16_384,
  /** Body of a proof. */
  proofBytes: 262_144,
  /** Rows of a JSON list. */
  listRows: 250,
  /** Body of one `POST values`: each hash takes two bytes more than it has. */
  pushHashesBytes: 600_000,
  /** Body of one `PUT values`. */
  pushValuesBytes: 8_388_608,
  /** Body of one `lease`. */
  pushLeaseBytes: 1_024,
  /** Body of one `records`: metadata of some 200,000 records. */
  pushBatchBytes: 67_108_864,
  /** Until a connection stands. */
  connectMs: 5_000,
  /** Until the first byte of an answer. */
  firstByteMs: 10_000,
  /** Between two bytes. */
  idleMs: 15_000,
} as const;
