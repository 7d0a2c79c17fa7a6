/**
 * What a CI's environment says of the run: commit, workflow, address of the run. Only these few variables
 * are read; others hold tokens.
 */
import { DrayerError } from '../core/errors.ts';
import { encodeProvenance, type Provenance } from '../files/provenance.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads where a publish comes from. DRAYER_COMMIT, DRAYER_WORKFLOW and DRAYER_RUN_URL win over what GitHub
 * and GitLab set.
 *
 * @param isAsked - somebody asked for it now, so there has to be something to say
 * @returns the value of the record; undefined where the environment says nothing
 * @throws {DrayerError} USAGE when it was asked for and there is nothing, or when a value is not usable
 */
export function ciProvenance(
  environment: Environment,
  { isAsked }: { readonly isAsked: boolean },
): Uint8Array | undefined {
  const found = readProvenance(environment);
  if (found !== undefined) return encodeProvenance(found);
  if (!isAsked) return undefined;
  throw new DrayerError('USAGE', '--provenance: nothing here says which commit and run this is', {
    hint: 'GitHub and GitLab say it by themselves; elsewhere set DRAYER_COMMIT, DRAYER_WORKFLOW and DRAYER_RUN_URL',
  });
}

function readProvenance(environment: Environment): Provenance | undefined {
  const read = (name: string): string | undefined => environment[name] || undefined;
  const ci = ciOf(read);
  const provenance = {
    commit: read('DRAYER_COMMIT') ?? ci.commit,
    workflow: read('DRAYER_WORKFLOW') ?? ci.workflow,
    run: read('DRAYER_RUN_URL') ?? ci.run,
    repository: ci.repository,
  };
  const hasAny = Object.values(provenance).some((text) => text !== undefined);
  return hasAny ? provenance : undefined;
}

function ciOf(read: (name: string) => string | undefined): Provenance {
  if (read('GITHUB_ACTIONS') === 'true') {
    const [server, name, id] = ['GITHUB_SERVER_URL', 'GITHUB_REPOSITORY', 'GITHUB_RUN_ID'].map(
      read,
    );
    const repository = server && name && `${server}/${name}`;
    return {
      commit: read('GITHUB_SHA'),
      workflow: read('GITHUB_WORKFLOW'),
      run: repository && id && `${repository}/actions/runs/${id}`,
      repository,
    };
  }
  if (read('GITLAB_CI') === 'true') {
    return {
      commit: read('CI_COMMIT_SHA'),
      workflow: read('CI_PIPELINE_NAME') ?? read('CI_JOB_NAME'),
      run: read('CI_PIPELINE_URL'),
      // Not CI_REPOSITORY_URL, which has a token in it.
      repository: read('CI_PROJECT_URL'),
    };
  }
  return {};
}
