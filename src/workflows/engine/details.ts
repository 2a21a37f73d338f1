/** What the Web UI shows of a run ("User Metadata"): Markdown, from what the workflow knows. Pure. */
import type { Plan } from '../../activities/engine/plan.ts';
import type { InDoubt } from '../../activities/engine/runs.ts';
import type { Decision, Progress } from '../../contract/steering.ts';
import { OUTCOMES } from '../../domain/run.ts';
import type { Decisions } from './steering.ts';

export interface Shown {
  readonly progress: Progress;
  readonly plan: Plan | null;
  readonly target: string;
  readonly inDoubt: readonly InDoubt[];
  readonly decided: Decisions;
}

export function describeRun({ progress, plan, target, inDoubt, decided }: Shown): string {
  const lines = [
    `### ${progress.kind} → ${target}`,
    `- **phase**: ${progress.phase} (since ${progress.since})`,
  ];
  if (progress.waitingFor) lines.push(`- **waits for**: ${progress.waitingFor}`);
  if (plan)
    lines.push(
      `- **plan** \`${plan.hash}\`: write ${plan.toWrite} of ${plan.total} in ${plan.batches} batches${lookUpsOf(plan)}`,
    );
  for (const [word, decision] of Object.entries<Decision | null>({ ...decided })) {
    if (decision)
      lines.push(
        `- **${word}** by ${decision.by ?? 'somebody'}${decision.reason ? `: ${decision.reason}` : ''}`,
      );
  }
  lines.push('', ...changes(plan), ...countsTable(progress), ...doubts(inDoubt), ...conflicts(progress));
  lines.push(...refusals(progress));
  return lines.join('\n');
}

function lookUpsOf({ lookUps }: Plan): string {
  if (!lookUps) return '';
  const { requests, withoutContactId } = lookUps;
  const without = withoutContactId > 0 ? `, ${withoutContactId} records without a contact id to ask for` : '';
  return `, after ${requests} look-ups of preferences${without}`;
}

function countsTable({ counts }: Progress): string[] {
  const rows = OUTCOMES.filter((outcome) => (counts[outcome] ?? 0) > 0).map((o) => `| ${o} | ${counts[o]} |`);
  return [
    '| outcome | records |',
    '|---|---:|',
    ...rows,
    `| pending | ${counts.pending} |`,
    `| **total** | **${counts.total}** |`,
  ];
}

function doubts(inDoubt: Shown['inDoubt']): string[] {
  if (inDoubt.length === 0) return [];
  const rows = inDoubt
    .slice(0, 20)
    .map(
      (o) => `- write ${o.id}: batch ${o.batch}, ${o.records} records, sent ${o.sentAt ?? '?'}${lateText(o)}`,
    );
  return ['', '**In doubt** (signal `resolve` with `{"verdict": "resend" | "leave"}`):', ...rows];
}

/** Undefined in what an older version has listed. */
function lateText({ lateAnswer }: Partial<Pick<InDoubt, 'lateAnswer'>>): string {
  return lateAnswer ? `; CXone answered ${lateAnswer.httpStatus} later, at ${lateAnswer.at}` : '';
}

function changes(plan: Plan | null): string[] {
  if (!plan?.changes) return [];
  return ['```', ...(plan.changes.length > 0 ? plan.changes : ['nothing to change']), '```', ''];
}

function conflicts({ conflicts: open = [] }: Progress): string[] {
  if (open.length === 0) return [];
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  return [
    '',
    '**Conflicts** (signal `resolve` with `{"answers": {"<place>": "mine" | "theirs"}}`, or one word for all):',
    '',
    '| place | it was | theirs | ours |',
    '|---|---|---|---|',
    ...open.map((c) => `| ${[c.place, c.base, c.theirs, c.ours].map(cell).join(' | ')} |`),
    ...open.flatMap(({ problem }) => (problem === undefined ? [] : ['', problem])),
  ];
}

function refusals({ refused }: Progress): string[] {
  if (refused.length === 0) return [];
  return [
    '',
    '**Refused**:',
    ...refused.map((r) => `- ${r.at} ${r.action}${r.by ? ` by ${r.by}` : ''}: ${r.why}`),
  ];
}
