/** Files of one stream: an own one and a mirror of it, or a copy that was left lying about. */
import type { HostedFile } from './hosted-file.ts';

/** The one with the newest state, as of the last look; of several such one that peers may have. Undefined of none. */
export function newestOf(files: readonly HostedFile[]): HostedFile | undefined {
  return files.reduce<HostedFile | undefined>(
    (newest, file) => (newest === undefined || isBetter(file, newest) ? file : newest),
    undefined,
  );
}

function isBetter(file: HostedFile, other: HostedFile): boolean {
  if (file.tip !== other.tip) return file.tip > other.tip;
  return file.signatures === 'checked' && other.signatures !== 'checked';
}

/** Files by their stream, as {@link keyText} spells it. */
export function groupByKey(files: readonly HostedFile[]): Map<string, HostedFile[]> {
  const groups = new Map<string, HostedFile[]>();
  for (const file of files) {
    if (file.identity === undefined) continue;
    const key = keyText(file.identity.publicKey);
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return groups;
}

/** A public key as the key of a map. */
export function keyText(publicKey: Uint8Array): string {
  return Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('latin1');
}
