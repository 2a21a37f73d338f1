/** The commands that make sense next. Pure. */
import { type Counts, NEEDS_ATTENTION, type Outcome, RETRIED, type RunState } from '../../domain/run.ts';
import { shellQuote } from '../terminal/format.ts';

export interface Step {
  readonly what: string;
  readonly command: string;
}

/** How the records that a run left undone are taken over by another run of the same operation. */
export interface Retry {
  /** `contacts import` */
  readonly command: string;
  readonly what: string;
}

export interface EndedRun {
  readonly runId: string;
  readonly target: string;
  readonly state: RunState;
  readonly dryRun: boolean;
  readonly counts: Partial<Counts>;
  readonly input: unknown;
  /** As it is stored in the ledger; null: it has none. */
  readonly result: unknown;
  /** Only NDJSON gives back rows that have keys of their own as they were. */
  readonly sourceFormat: string;
}

const RECORDS_TO_REVIEW: Readonly<Partial<Record<Outcome, string>>> = {
  invalid: 'see the rows that break a rule, with every reason',
  rejected: 'see the rows that CXone rejected or that were kept back, with the reasons',
  conflict: 'see the rows in conflict',
  in_doubt: 'see the rows whose write was never answered',
};

/** Of a dry run, which has sent nothing and kept nothing. */
const ROWS_TO_REVIEW: typeof RECORDS_TO_REVIEW = {
  ...RECORDS_TO_REVIEW,
  rejected: 'see the rows that would be kept back, with the reasons',
};

export function stepsAfterRun(
  { runId, state, dryRun, counts, sourceFormat }: EndedRun,
  command: string,
  retry?: Retry,
): readonly Step[] {
  const run = shellQuote(runId);
  const format = sourceFormat === 'csv' ? 'csv' : 'ndjson';
  const found = NEEDS_ATTENTION.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const reviews = found.map((outcome) => ({
    outcome,
    what: (dryRun ? ROWS_TO_REVIEW : RECORDS_TO_REVIEW)[outcome] ?? `see the rows that are ${outcome}`,
    command: `${command} records ${run} --outcome ${outcome} --format ${format} > ${outcome}.${format}`,
  }));
  const retries =
    // A dry run has nothing to make up for. A failed run continues with its pending records when it is started again.
    retry && !dryRun && RETRIED.some((outcome) => outcome !== 'pending' && counts[outcome])
      ? [{ what: retry.what, command: `${command} ${retry.command} --retry-of ${run}` }]
      : [];
  const always = [
    { what: 'see everything about this run', command: `${command} show ${run}` },
    {
      what: dryRun ? 'write a report' : 'write a report with charts',
      command: `${command} report ${run} --html`,
    },
  ];
  if (state === 'completed') return [...reviews, ...retries, ...always];
  if (state === 'failed') return [...reviews, ...always];
  // The rows of a cancelled or rejected run need no correction, but cancelling can leave records in doubt.
  const inDoubt = reviews.filter(({ outcome }) => outcome === 'in_doubt');
  return [...inDoubt, ...retries, ...always];
}

export function stepsAfterStart(runId: string, command: string): readonly Step[] {
  const run = shellQuote(runId);
  return [
    { what: 'follow it', command: `${command} watch ${run}` },
    { what: 'stop it', command: `${command} cancel ${run}` },
  ];
}

export function stepsForApproval(runId: string, planHash: string | null, command: string): readonly Step[] {
  const run = shellQuote(runId);
  const plan = planHash === null ? '' : ` --plan ${planHash}`;
  return [
    { what: 'approve it', command: `${command} approve ${run}${plan}` },
    { what: 'or reject it', command: `${command} reject ${run} --reason "…"` },
  ];
}

export function stepsForDoubt(runId: string, command: string): readonly Step[] {
  const run = shellQuote(runId);
  return [
    {
      what: 'send them again (CXone may then have them twice)',
      command: `${command} resolve ${run} --resend`,
    },
    { what: 'or leave them in doubt and continue', command: `${command} resolve ${run} --leave` },
  ];
}

/** More hashes than this make a line that nobody can copy. */
const MAX_HASHES = 5;

/** `reviewed`: the hashes of the conflicts that are shown beside, so that the answer applies to them alone. */
export function stepsForConflict(
  runId: string,
  reviewed: readonly string[],
  command: string,
): readonly Step[] {
  const run = shellQuote(runId);
  const isBound = reviewed.length > 0 && reviewed.length <= MAX_HASHES;
  const seen = isBound ? ` --seen ${reviewed.join(',')}` : '';
  return [
    { what: 'keep our change everywhere', command: `${command} resolve ${run} --mine${seen}` },
    { what: 'keep their change everywhere', command: `${command} resolve ${run} --theirs${seen}` },
    {
      what: 'or decide place by place',
      command: `${command} resolve ${run} --answers '{"<place>": "mine", …}'${seen}`,
    },
  ];
}

export function stepsForPause(runId: string, command: string): readonly Step[] {
  const run = shellQuote(runId);
  return [
    { what: 'resume it', command: `${command} resume ${run}` },
    { what: 'or stop it for good', command: `${command} cancel ${run}` },
  ];
}

/** Each command is on a line of its own, so that it can be copied. */
export function renderSteps(title: string, steps: readonly Step[]): string {
  return [title, ...steps.flatMap(({ what, command }) => [`  ${what}:`, `    ${command}`])].join('\n');
}
