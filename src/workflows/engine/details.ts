/** The details of a run in Temporal's Web UI ("User Metadata"), as Markdown. Pure. */
import type { Plan } from '../../activities/engine/plan.ts';
import type { InDoubt } from '../../activities/engine/runs.ts';
import type { Decision, Progress } from '../../contract/steering.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { OUTCOMES } from '../../domain/run.ts';
import { shortenList } from '../../domain/shorten.ts';
import type { Decisions } from './decision.ts';

const MAX_WRITES_SHOWN = 20;
const MAX_CONFLICTS_SHOWN = 50;

export interface RunDetails {
  readonly progress: Progress;
  readonly plan: Plan | null;
  /** `Contact import to list L1` */
  readonly title: string;
  readonly inDoubt: readonly InDoubt[];
  readonly decisions: Decisions;
}

export function describeRun({ progress, plan, title, inDoubt, decisions }: RunDetails): string {
  const lines = [`### ${title}`, `- **phase**: ${progress.phase} (since ${progress.since})`];
  if (progress.waitingFor) lines.push(`- **waits for**: ${progress.waitingFor}`);
  if (plan)
    lines.push(
      `- **plan** \`${plan.hash}\`: write ${formatCount(plan.toWrite)} of ${formatCount(plan.total)} in ${plural(plan.batches, 'batch')}${describeLookups(plan)}`,
    );
  for (const note of [...(plan?.forecast ?? []), ...(plan?.notes ?? [])]) lines.push(`- ${note}`);
  const { keptApproval, ...counting } = decisions;
  for (const [decided, decision] of Object.entries<Decision | null>(counting))
    if (decision) lines.push(`- **${decided}** ${describeSender(decision)}`);
  if (keptApproval) {
    const { planHash } = keptApproval;
    const kept = planHash === undefined ? 'the plan, once there is one' : `plan \`${planHash}\` and no other`;
    lines.push(`- **approval in advance** of ${kept}, ${describeSender(keptApproval)}`);
  }
  lines.push('', ...listChanges(plan), ...tabulateCounts(progress));
  lines.push(...listInDoubt(inDoubt), ...tabulateConflicts(progress), ...listRefusals(progress));
  return lines.join('\n');
}

function describeSender({ by = 'somebody', reason }: Decision): string {
  return `by ${by}${reason ? `: ${reason}` : ''}`;
}

function describeLookups({ lookups }: Plan): string {
  if (!lookups) return '';
  const { requests, withoutContactId } = lookups;
  const without =
    withoutContactId > 0 ? ` (${plural(withoutContactId, 'record')} without a contact id to look up)` : '';
  return `, after ${plural(requests, 'lookup')} of preferences${without}`;
}

function tabulateCounts({ counts }: Progress): string[] {
  const rows = OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0).map((o) => `| ${o} | ${counts[o]} |`);
  return [
    '| outcome | records |',
    '|---|---:|',
    ...rows,
    `| pending | ${counts.pending} |`,
    `| **total** | **${counts.total}** |`,
  ];
}

function listInDoubt(writes: readonly InDoubt[]): string[] {
  if (writes.length === 0) return [];
  const rows = writes
    .slice(0, MAX_WRITES_SHOWN)
    .map(
      (write) =>
        `- write ${write.id}: batch ${write.batch}, ${plural(write.records, 'record')}, ` +
        `${write.knownSent ? 'sent' : 'claimed, perhaps not sent,'} ${write.sentAt ?? '?'}` +
        describeLateAnswer(write),
    );
  return ['', '**In doubt** (signal `resolve` with `{"verdict": "resend" | "leave"}`):', ...rows];
}

function describeLateAnswer({ lateAnswer }: InDoubt): string {
  return lateAnswer ? `; CXone answered ${lateAnswer.httpStatus} later, at ${lateAnswer.at}` : '';
}

function listChanges(plan: Plan | null): string[] {
  if (!plan?.changes) return [];
  return ['```', ...(plan.changes.length > 0 ? plan.changes : ['nothing to change']), '```', ''];
}

function tabulateConflicts({ conflicts: open = [] }: Progress): string[] {
  if (open.length === 0) return [];
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    '',
    '**Conflicts** (signal `resolve` with `{"answers": {"<place>": "mine" | "theirs"}}`, or the same for all: `{"answers": "mine"}`):',
    '',
    '| place | it was | theirs | ours |',
    '|---|---|---|---|',
    ...shortenList(
      open.map((c) => `| ${[c.place, c.base, c.theirs, c.ours].map(cell).join(' | ')} |`),
      MAX_CONFLICTS_SHOWN,
    ),
    ...open
      .slice(0, MAX_CONFLICTS_SHOWN)
      .flatMap(({ problem }) => (problem === undefined ? [] : ['', problem])),
  ];
}

function listRefusals({ refused }: Progress): string[] {
  if (refused.length === 0) return [];
  return [
    '',
    '**Refused**:',
    ...refused.map((r) => `- ${r.at} ${r.action}${r.by ? ` by ${r.by}` : ''}: ${r.why}`),
  ];
}
