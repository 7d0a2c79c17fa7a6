/** One line of the benchmark's table, and how it is printed. */

/** A measurement beside its baseline of the same run. */
export type Row = {
  readonly what: string;
  /** Ours and the baseline, both in `unit`. */
  readonly ours: number;
  readonly baseline: number;
  readonly unit: string;
  readonly baselineName: string;
  /** Greatest ratio ours ÷ baseline allowed (times), or least (rates); undefined: no goal. */
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
  /** Greatest value of ours itself. */
  readonly limit?: number | undefined;
  /** Peak resident memory of our process, MB. */
  readonly peakMb?: number | undefined;
  /** Greatest peak memory allowed, MB; {@link PEAK_LIMIT_MB} by default. */
  readonly peakLimitMb?: number | undefined;
};

/** Greatest peak memory of a process of ours with 10,000 records, MB. */
export const PEAK_LIMIT_MB = 200;

/** Tells whether a row keeps its goals. */
export function holds(row: Row): boolean {
  const ratio = row.ours / row.baseline;
  if (row.atMost !== undefined && ratio > row.atMost) return false;
  if (row.atLeast !== undefined && ratio < row.atLeast) return false;
  if (row.limit !== undefined && row.ours > row.limit) return false;
  return row.peakMb === undefined || row.peakMb <= (row.peakLimitMb ?? PEAK_LIMIT_MB);
}

/** Prints a heading for {@link printRow}. */
export function printHeading(): void {
  console.log(
    `${'what'.padEnd(38)}${'ours'.padStart(12)}${'baseline'.padStart(12)}  ratio  goal      peak MB  baseline is`,
  );
}

/** Prints a row. */
export function printRow(row: Row): void {
  const ratio = row.ours / row.baseline;
  const goals = [
    row.atMost === undefined ? '' : `≤${row.atMost}`,
    row.atLeast === undefined ? '' : `≥${row.atLeast}`,
    row.limit === undefined ? '' : `≤${row.limit}${row.unit}`,
  ].filter((goal) => goal !== '');
  const peak = row.peakMb === undefined ? '' : row.peakMb.toFixed(0);
  console.log(
    [
      row.what.padEnd(38),
      format(row.ours, row.unit).padStart(12),
      format(row.baseline, row.unit).padStart(12),
      `  ${ratio.toFixed(2).padStart(5)}  ${goals.join(' ').padEnd(10)}${peak.padStart(7)}  `,
      row.baselineName,
      holds(row) ? '' : '   <-- over the goal',
    ].join(''),
  );
}

function format(value: number, unit: string): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}
