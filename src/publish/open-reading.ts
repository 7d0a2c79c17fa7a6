/** The reading of a site as its publish wants it. Loaded only where there is something to read. */
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import type { Stream } from '../store/stream.ts';
import { makePathMatcher } from './ignore-rules.ts';
import type { PublishOptions } from './publish-once.ts';
import { secretNeedles } from './secret-scan.ts';
import { SiteReading } from './site-reading.ts';
import { secretKeyOf } from './stream-files.ts';

/** Begins to read; values go to the stream, to be committed. */
export function openReading(stream: Stream, options: PublishOptions): SiteReading {
  const { signal, onProgress, threads, maxFileBytes = MAX_FILE_BYTES, dryRun } = options;
  const secretKey = options.secretKey ?? secretKeyOf(stream.path);
  const needles = secretKey === undefined ? [] : secretNeedles(secretKey);
  return new SiteReading(stream, {
    settings: { maxBytes: maxFileBytes, needles },
    threads,
    signal,
    onProgress,
    maySecrets: secretsAllowedIn(options),
    onValue: (hash, value) => {
      if (!dryRun) stream.prepareValue(hash, value);
    },
  });
}

/** Tells of each file whether its owner allows secrets in it. */
export function secretsAllowedIn({
  allowSecrets = false,
}: Pick<PublishOptions, 'allowSecrets'>): (key: string) => boolean {
  if (typeof allowSecrets === 'boolean') return () => allowSecrets;
  return allowSecrets.length === 0 ? () => false : makePathMatcher(allowSecrets);
}
