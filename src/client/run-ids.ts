/** The part of the client that knows which run is which: ids by content, and what an id that is known already means. */
import { randomBytes } from 'node:crypto';
import { InputError } from './errors.ts';
import {
  type CommonInput,
  type ContactImportInput,
  type Kind,
  PREFERENCES_TARGET,
  type PreferenceUpdateInput,
  RUN_ID_PREFIX,
  type SelectionUpdateInput,
  type Source,
} from '../contract/run.ts';
import { contactImportOptions, preferenceUpdateOptions, selectionUpdateOptions } from '../contract/input.ts';
import { businessKey, canonicalize } from '../ledger/runs/business-key.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { retryContentSha256 } from '../ledger/runs/retries.ts';
import type { Run } from '../ledger/runs/runs.ts';

export type AnyInput = CommonInput & { readonly source?: Source };
type BulkInput = CommonInput & { readonly source: Source };

export interface NewRun {
  readonly kind: Kind;
  readonly target: string;
  readonly input: BulkInput;
  /** Those that change what is written. */
  readonly options: unknown;
}

/** No slashes and no personal data; the same for the same content, list and options. */
export async function defaultRunId(
  ledger: Ledger,
  { kind, target, input, options }: NewRun,
): Promise<string> {
  const key = businessKey(RUN_ID_PREFIX[kind], target, await contentOf(ledger, input.source), options);
  const unique = randomBytes(4).toString('hex');
  if (input.dryRun) return `${key}:dry-${unique}`;
  // The worker's file may have other content each day; there the business key in the ledger says what is the same.
  if ('path' in input.source) return `${key}:${unique}`;
  if (input.again) return `${key}:again-${unique}`;
  // A run that was rejected or cancelled stands in Temporal under its id; the next one counts on.
  const endedEarly = await ledger.runs.countEndedEarly(key);
  return endedEarly === 0 ? key : `${key}:${endedEarly + 1}`;
}

async function contentOf(ledger: Ledger, source: Source): Promise<string> {
  if ('dataset' in source) {
    const dataset = await ledger.datasets.find(source.dataset);
    if (!dataset)
      throw new InputError([`source.dataset ${source.dataset} is not in the ledger; stage it first`]);
    return dataset.sha256;
  }
  if ('retryOf' in source) return retryContentSha256(await runToRetry(ledger, source.retryOf));
  // The worker's file is not ours to read: its path stands for it here.
  return `path:${source.path}`;
}

/** Which list an input is for, and which of its options change what is written. */
const meaningOf: Readonly<Record<Kind, (input: never) => { target: string; options: unknown }>> = {
  contactImport: (input: ContactImportInput) => ({
    target: input.listId,
    options: contactImportOptions(input),
  }),
  preferenceUpdate: (input: PreferenceUpdateInput) => ({
    target: PREFERENCES_TARGET,
    options: preferenceUpdateOptions(input),
  }),
  selectionUpdate: (input: SelectionUpdateInput) => ({
    target: input.campaignId,
    options: selectionUpdateOptions(input),
  }),
};

/** Nobody is to be told that their run is done because another one had the id that they chose. */
export async function refuseAnother(
  ledger: Ledger,
  runId: string,
  kind: Kind,
  input: AnyInput,
): Promise<void> {
  const known = await ledger.runs.find(runId);
  // One that failed may be started with a corrected source; the worker says what it may not.
  if (!known || (known.kind === kind && known.state === 'failed')) return;
  const before = known.input as AnyInput;
  const meaning = (given: AnyInput, content: string | undefined) =>
    canonicalize({
      ...meaningOf[kind](given as never),
      content,
      dryRun: given.dryRun ?? false,
    });
  const contentOfSource = (source: Source | undefined) => source && contentOf(ledger, source);
  const isTheSame = async (): Promise<boolean> => {
    if (known.kind !== kind) return false;
    // Its dataset may be gone; what was read of it is not.
    const read = before.source && 'dataset' in before.source ? known.source?.sha256 : undefined;
    const had = read ?? (await contentOfSource(before.source));
    return meaning(input, await contentOfSource(input.source)) === meaning(before, had);
  };
  if (await isTheSame()) return;
  const what = `${known.kind} for ${known.target}, started ${known.started_at.toISOString()}`;
  throw new InputError([
    `the run id ${runId} belongs to another run (${what}). Choose another id, or leave it out`,
  ]);
}

async function runToRetry(ledger: Ledger, runId: string): Promise<Run> {
  const run = await ledger.runs.find(runId);
  if (!run) throw new InputError([`source.retryOf: there is no run ${runId} in the ledger`]);
  return run;
}

/** Said before anything starts; the worker looks again. A retry that is known already goes on, or is found. */
export async function checkRetry(ledger: Ledger, runId: string, retryOf: string): Promise<void> {
  if (await ledger.runs.find(runId)) return;
  const problem = await ledger.retries.problemOf(await runToRetry(ledger, retryOf));
  if (problem !== null) throw new InputError([`run ${retryOf} ${problem}`]);
}
