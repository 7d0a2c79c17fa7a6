/** Integers as hashes and signatures take them: 64 bits, little endian, two's complement. */

const HIGH = 0x1_0000_0000;

/** Writes an integer at `at`. A BigInt for each would cost ten times as much. */
export function writeInt64(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) {
    view.setBigInt64(at, BigInt(value), true);
    return;
  }
  view.setUint32(at, value % HIGH, true);
  view.setInt32(at + 4, Math.floor(value / HIGH), true);
}
