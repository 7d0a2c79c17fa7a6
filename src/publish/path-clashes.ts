/** Finds site paths that cannot live beside each other on every disk (THREATS A16). */
import { foldSitePath } from '../files/site-path.ts';
import type { PublishFault } from './publish-fault.ts';
import type { DiskFile } from './walk.ts';

/**
 * Returns a fault for every file whose path differs from another's by case or by Unicode form only, or
 * would be a directory of another's. A mirror on such a disk could keep only one of them.
 */
export function findPathClashes(files: readonly DiskFile[]): PublishFault[] {
  const folded = new Map<string, DiskFile>();
  const faults: PublishFault[] = [];
  for (const file of files) {
    const fold = foldSitePath(file.key);
    const other = folded.get(fold);
    if (other === undefined) folded.set(fold, file);
    else faults.push(clash(file, other));
  }
  for (const directory of directoriesOf(files)) {
    const file = folded.get(foldSitePath(directory));
    if (file !== undefined) faults.push(clash(file, { key: `${directory}/` }));
  }
  return faults;
}

function directoriesOf(files: readonly DiskFile[]): Set<string> {
  const directories = new Set<string>();
  let last = '';
  for (const { key } of files) {
    let end = key.lastIndexOf('/');
    // Mostly it lies beside the one before it.
    if (end === last.length && key.startsWith(last)) continue;
    last = key.slice(0, Math.max(0, end));
    // A directory that is known has brought those above it along.
    while (end > 0 && !directories.has(key.slice(0, end))) {
      directories.add(key.slice(0, end));
      end = key.lastIndexOf('/', end - 1);
    }
  }
  return directories;
}

function clash(file: DiskFile, other: { readonly key: string }): PublishFault {
  const difference = file.key === other.key ? 'Unicode form' : 'case or Unicode form';
  const message = `its name differs from ${JSON.stringify(other.key)} in ${difference} only`;
  return { path: file.key, code: 'PATH_INVALID', message };
}
