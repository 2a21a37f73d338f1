/** What to type next. Pure. */
import { type Counts, NEEDS_ATTENTION, type Outcome, type RunState } from '../../domain/run.ts';
import { shellQuote } from '../terminal/format.ts';

export interface Step {
  readonly what: string;
  readonly command: string;
}

/** decisions.md 2; of the rest the run that failed itself goes on, when it is started again. */
const RETRIED: readonly Outcome[] = ['rejected', 'conflict', 'cancelled'];

/** By kind. */
const RETRIES: Readonly<Partial<Record<string, { readonly path: string; readonly what: string }>>> = {
  contactImport: { path: 'contacts import', what: 'what was not written, once more' },
  preferenceUpdate: {
    path: 'preferences update',
    what: 'what was not sent, once more (its opt-outs are on our own suppression list meanwhile)',
  },
};

const LOOKS: Readonly<Partial<Record<Outcome, string>>> = {
  invalid: 'the rows that our rules refused, with every reason',
  rejected: 'the rows that CXone refused or our rules kept back, with the reasons',
  conflict: 'the rows in conflict',
  in_doubt: 'the rows whose answer never came',
};

export interface EndedRun {
  readonly runId: string;
  readonly kind: string;
  readonly state: RunState;
  readonly counts: Partial<Counts>;
  /** Of its source: rows with keys of their own come back as they were from NDJSON only. */
  readonly format: string;
}

export function stepsAfterRun(ended: EndedRun, command: string): readonly Step[] {
  const { runId, kind, state, counts } = ended;
  const run = shellQuote(runId);
  const format = ended.format === 'csv' ? 'csv' : 'ndjson';
  const found = NEEDS_ATTENTION.filter((outcome) => (counts[outcome] ?? 0) > 0);
  const looks = found.map((outcome) => ({
    outcome,
    what: LOOKS[outcome] ?? `the rows that are ${outcome}`,
    command: `${command} records ${run} --outcome ${outcome} --format ${format} > ${outcome}.${format}`,
  }));
  const retrying = RETRIES[kind];
  const retry =
    retrying && RETRIED.some((outcome) => counts[outcome])
      ? [{ what: retrying.what, command: `${command} ${retrying.path} --retry-of ${run}` }]
      : [];
  const always = [
    { what: 'everything about this run', command: `${command} show ${run}` },
    { what: 'a page about it, with charts', command: `${command} report ${run} --html` },
  ];
  if (state === 'completed') return [...looks, ...retry, ...always];
  // A cancel is what leaves records in doubt.
  const doubts = looks.filter(({ outcome }) => outcome === 'in_doubt');
  return state === 'failed' ? [...looks, ...always] : [...doubts, ...retry, ...always];
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
    { what: 'write it', command: `${command} approve ${run}${plan}` },
    { what: 'or not', command: `${command} reject ${run} --reason "…"` },
  ];
}

export function stepsForDoubt(runId: string, command: string): readonly Step[] {
  const run = shellQuote(runId);
  return [
    {
      what: 'send them again (CXone may then have them twice)',
      command: `${command} resolve ${run} --resend`,
    },
    { what: 'or leave them in doubt, and go on', command: `${command} resolve ${run} --leave` },
  ];
}

/** `seen`: hashes of what is shown beside; the answer then counts for that, and for nothing newer. */
export function stepsForConflict(
  runId: string,
  seen: readonly string[] | null,
  command: string,
): readonly Step[] {
  const run = shellQuote(runId);
  // A line of fifty hashes is nothing to copy.
  const bound = seen !== null && seen.length <= MOST_HASHES ? ` --seen ${seen.join(',')}` : '';
  return [
    { what: 'ours everywhere', command: `${command} resolve ${run} --mine${bound}` },
    { what: 'theirs everywhere', command: `${command} resolve ${run} --theirs${bound}` },
    {
      what: 'or place by place',
      command: `${command} resolve ${run} --answers '{"<place>": "mine", …}'${bound}`,
    },
  ];
}

const MOST_HASHES = 5;

export interface EndedSelection {
  readonly runId: string;
  readonly campaignId: string;
  readonly state: RunState;
  readonly counts: Partial<Counts>;
  /** The run that it was to undo, if that is what it was. */
  readonly rollbackOf?: string;
}

/** Of an update of a selection: rows are nothing to look at. */
export function stepsAfterSelection(ended: EndedSelection, command: string): readonly Step[] {
  const { runId, campaignId, state, counts, rollbackOf } = ended;
  const run = shellQuote(runId);
  const undo = { what: 'undo it', command: `${command} selection rollback ${run}` };
  const wish =
    rollbackOf === undefined
      ? `update ${shellQuote(campaignId)} FILE.json`
      : `rollback ${shellQuote(rollbackOf)}`;
  // Under its id it is measured from where it began; any other run would not see what others did since as theirs.
  const again = {
    what: 'take it up again, and say whose change counts (mine, theirs, or ask)',
    command: `${command} selection ${wish} --id ${run} --on-conflict ask`,
  };
  return [
    ...((counts.updated ?? 0) > 0 ? [undo] : []),
    ...(state === 'failed' && (counts.conflict ?? 0) > 0 ? [again] : []),
    { what: 'who changed this campaign', command: `${command} selection history ${shellQuote(campaignId)}` },
    { what: 'everything about this run', command: `${command} show ${run}` },
    { what: 'a page about it', command: `${command} report ${run} --html` },
  ];
}

export function stepsForPause(runId: string, command: string): readonly Step[] {
  const run = shellQuote(runId);
  return [
    { what: 'go on', command: `${command} resume ${run}` },
    { what: 'or stop for good', command: `${command} cancel ${run}` },
  ];
}

/** The command in a line of its own, so that it can be copied. */
export function renderSteps(title: string, steps: readonly Step[]): string {
  return [title, ...steps.flatMap(({ what, command }) => [`  ${what}:`, `    ${command}`])].join('\n');
}
