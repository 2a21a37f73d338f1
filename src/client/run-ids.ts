/** Run ids, derived from target, content and options, so that starting the same run twice finds the first one. */
import { randomBytes } from 'node:crypto';
import type { CommonInput, Source } from '../contract/run.ts';
import type { OperationSpec } from '../contract/spec.ts';
import { canonicalize } from '../ledger/hashing.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { businessKey } from '../ledger/runs/business-key.ts';
import { retryContentSha256 } from '../ledger/runs/retries.ts';
import type { Run } from '../ledger/runs/runs.ts';
import { InputError } from './errors.ts';

type AnyInput = CommonInput & { readonly source?: Source };

/** Contains no slashes and no personal data (docs/adr/0012-run-identity.md). */
export async function defaultRunId(ledger: Ledger, spec: OperationSpec, input: AnyInput): Promise<string> {
  const { source } = input;
  const content = source ? await readContentHash(ledger, source) : '';
  const key = businessKey(spec.stem, spec.target(input), content, spec.fingerprint(input));
  const unique = randomBytes(4).toString('hex');
  if (input.dryRun) return `${key}:dry-${unique}`;
  // The worker's file may have other content every day; the business key in the ledger decides what is the same.
  if (source && 'path' in source) return `${key}:${unique}`;
  // A state may be described again in any case, so `again` adds nothing.
  if (spec.identity === 'while_open') return openRunOrNext(ledger, key);
  return input.again ? `${key}:again-${unique}` : nextAfterEndedEarly(ledger, key);
}

/** A run that was rejected or cancelled keeps its id in Temporal, so the next one gets a number. */
async function nextAfterEndedEarly(ledger: Ledger, key: string): Promise<string> {
  const endedEarly = await ledger.runs.countEndedEarly(key);
  return endedEarly === 0 ? key : `${key}:${endedEarly + 1}`;
}

async function openRunOrNext(ledger: Ledger, key: string): Promise<string> {
  const { count, newest } = await ledger.runs.summarizeKey(key);
  if (newest && (newest.state === 'running' || newest.state === 'failed')) return newest.runId;
  return count === 0 ? key : `${key}:${count + 1}`;
}

async function readContentHash(ledger: Ledger, source: Source): Promise<string> {
  if ('dataset' in source) {
    const dataset = await ledger.datasets.find(source.dataset);
    if (!dataset)
      throw new InputError([`source.dataset ${source.dataset} is not in the ledger; stage it first`]);
    return dataset.sha256;
  }
  if ('retryOf' in source) return retryContentSha256(await getRunToRetry(ledger, source.retryOf));
  // The file is on the worker's machine and cannot be read here, so its path stands for it.
  return `path:${source.path}`;
}

/**
 * The run that the ledger has under this id. Throws InputError if it is another one, whose result could be mistaken for that
 * of this run.
 */
export async function requireOwnRunId(
  ledger: Ledger,
  runId: string,
  spec: OperationSpec,
  input: AnyInput,
): Promise<Run | undefined> {
  const known = await ledger.runs.find(runId);
  // A failed run may be restarted with a corrected source; the worker decides what else may change.
  if (!known || (known.kind === spec.kind && known.state === 'failed')) return known;
  if (known.kind === spec.kind && (await isSameRun(ledger, spec, known, input))) return known;
  const what = `${known.kind} for ${known.target}, started ${known.started_at.toISOString()}`;
  throw new InputError([
    `the run id ${runId} belongs to another run (${what}); choose another id, or leave it out`,
  ]);
}

async function isSameRun(ledger: Ledger, spec: OperationSpec, known: Run, input: AnyInput): Promise<boolean> {
  const before = known.input as AnyInput;
  const hashContent = async ({ source }: AnyInput) => source && (await readContentHash(ledger, source));
  // The earlier dataset may have been deleted since, but the run remembers the hash of what it read.
  const readBefore = before.source && 'dataset' in before.source ? known.source?.sha256 : undefined;
  const identity = (given: AnyInput, content: string | undefined) =>
    canonicalize({
      target: spec.target(given),
      options: spec.fingerprint(given),
      dryRun: given.dryRun ?? false,
      content,
    });
  const [content, contentBefore] = [await hashContent(input), readBefore ?? (await hashContent(before))];
  return identity(input, content) === identity(before, contentBefore);
}

async function getRunToRetry(ledger: Ledger, runId: string): Promise<Run> {
  const run = await ledger.runs.find(runId);
  if (!run) throw new InputError([`source.retryOf: there is no run ${runId} in the ledger`]);
  return run;
}

/** Reports early what the worker would refuse later. */
export async function checkRetry(ledger: Ledger, retryOf: string): Promise<void> {
  const problem = await ledger.retries.findObstacle(await getRunToRetry(ledger, retryOf));
  if (problem !== null) throw new InputError([`run ${retryOf} ${problem}`]);
}
