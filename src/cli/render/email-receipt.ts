/** What a run has done about one mailbox, as text. Pure. */
import { classifyBounce } from '../../domain/email-send/bounces.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { MessageInTimeline, TimelineEvent } from '../../ledger/emails/figures.ts';
import type { WriteOfRecord } from '../../ledger/writes/writes.ts';
import type { EmailReceipt } from '../../queries/email-receipt.ts';
import type { MessageVerification } from '../../queries/email-verification.ts';
import { describeReason } from '../../queries/record-files.ts';
import { formatTime, shellQuote, spaced } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';
import { describeOptOutRuns } from './email-delivery.ts';
import { type Fact, formatMs } from './run-parts.ts';

export function renderReceipt(
  mailbox: string,
  receipt: EmailReceipt,
  colors: Colors,
  command: string,
): string {
  const sections = [
    [colors.bold(printable(mailbox)), renderFacts(summary(receipt))].join('\n'),
    ...(receipt.writes.length > 0 ? [renderWrites(receipt.writes)] : []),
    ...receipt.messages.map((message) => renderMessage(message, receipt)),
    renderAudit(receipt, command),
  ];
  return sections.join('\n\n');
}

const renderFacts = (facts: readonly Fact[]): string =>
  renderTable(
    [{}, {}],
    facts.map(([name, value]) => [name, printable(value)]),
  );

function summary(receipt: EmailReceipt): readonly Fact[] {
  const { runId, line, outcome, reasons, evidence, duplicateLines, suppressions } = receipt;
  return [
    ['run', runId],
    ['row', `line ${formatCount(line)} of the source`],
    ['outcome', spaced(outcome)],
    ...reasons.map((reason): Fact => ['reason', describeReason(reason)]),
    ...(evidence === null ? [] : [['evidence', evidence] as const]),
    ...(duplicateLines.length === 0
      ? []
      : [
          [
            'also in',
            `line ${duplicateLines.map(formatCount).join(', ')}, to which nothing was sent`,
          ] as const,
        ]),
    ['plan', receipt.approval.planHash ?? 'none'],
    ['approval', describeApproval(receipt.approval)],
    ['consent', describeConsent(receipt.consent)],
    [
      'suppressed now',
      suppressions.length === 0
        ? 'no, not on our own list'
        : suppressions.map(describeSuppression).join('; '),
    ],
  ];
}

function describeApproval({ required, by, at, reason }: EmailReceipt['approval']): string {
  if (at === null) return required ? 'asked for, and not given' : 'not asked for';
  const why = reason === null ? '' : `: ${reason}`;
  return `by ${by ?? 'somebody who gave no name'}, ${formatTime(at)}${why}`;
}

function describeConsent({ channelConsent, policy = 'default' }: EmailReceipt['consent']): string {
  return channelConsent === 'ignore'
    ? 'not looked up: the run ignores it'
    : `required, by the policy ${policy}`;
}

function describeSuppression({ of, reason, code, since }: EmailReceipt['suppressions'][number]): string {
  const why = [spaced(reason), code].filter((each) => each !== null).join(' ');
  return `${of === 'mailbox' ? 'the mailbox' : 'the person'} since ${formatTime(new Date(since))}, ${why}`;
}

const WRITES: Readonly<Record<string, string>> = {
  suppression_check: 'suppressions looked up',
  consent_check: 'consent looked up',
  send: 'sent',
};

function renderWrites(writes: readonly WriteOfRecord[]): string {
  return ['requests', renderFacts(writes.flatMap(describeWrite))].join('\n');
}

function describeWrite(write: WriteOfRecord): readonly Fact[] {
  const { id, kind, state, records, httpStatus, sentAt, lostAnswers, requestId } = write;
  const others = records === 1 ? [] : [`with ${plural(records - 1, 'other')}`];
  const answer = httpStatus === null ? spaced(state) : `HTTP ${httpStatus}`;
  const lost = lostAnswers === 0 ? [] : [`${plural(lostAnswers, 'answer')} lost`];
  const when = sentAt === null ? [] : [formatTime(sentAt)];
  return [
    [`write ${id}`, [WRITES[kind] ?? spaced(kind), ...others, answer, ...lost, ...when].join(', ')],
    ...(requestId === null ? [] : [['', `request id ${requestId}`] as const]),
  ];
}

function renderMessage(
  message: MessageInTimeline,
  { optOutRuns, verifications }: Pick<EmailReceipt, 'optOutRuns' | 'verifications'>,
): string {
  const { attempt, job, state, bounceClass, bounceCode, reason, retried, messageId, events } = message;
  const bounce = [bounceClass, bounceCode].filter((each) => each !== null).join(' ');
  const facts: readonly Fact[] = [
    [
      'state',
      [spaced(state), bounce, reason === null ? '' : spaced(reason)].filter((each) => each !== '').join(', '),
    ],
    ['job', `${job.jobId}, ${job.status ?? 'not asked yet'}`],
    ...describeMessageConsent(message),
    ['submitted', `${formatTime(job.submittedAt)} with write ${job.writeId}`],
    ['latency', formatMs(job.finalAt && job.finalAt.getTime() - job.submittedAt.getTime())],
    ...(messageId === null ? [] : [['message id', messageId] as const]),
    ...(retried ? [['sent again', 'yes, as the next message'] as const] : []),
    ...describeOptOut(message, optOutRuns),
    ...verifications.filter((each) => each.attempt === attempt).map(describeVerification),
  ];
  const title = attempt === 1 ? 'message' : `message ${attempt}`;
  const lines = events.map((event) => [
    event.at === null ? 'at an unknown time' : formatTime(event.at),
    printable(event.type),
    printable(describeEvent(event)),
  ]);
  return [
    title,
    renderFacts(facts),
    ...(lines.length === 0 ? ['  no events'] : ['  events', renderTable([{}, {}, {}], lines)]),
  ].join('\n');
}

const VERDICTS: Readonly<Record<MessageVerification['verdict'], string>> = {
  verified: 'passed: recipient, message and consent are as recorded in the audit',
  content_changed: 'FAILED: recipient, message or consent was changed after sending',
  batch_changed: 'FAILED: a hash of this batch was changed',
  entry_changed: 'FAILED: the audit entry was changed',
  entry_missing: 'not possible: this request has no sealed audit entry',
  no_content_hash:
    'not possible: its audit entry has no content hash (CXone answered late, or an earlier version sent it)',
};

function describeVerification({ verdict, entry }: MessageVerification): Fact {
  return [
    'verification',
    `${VERDICTS[verdict]}${entry === null ? '' : `; audit entry ${formatCount(entry)}`}`,
  ];
}

function describeMessageConsent({ consent }: MessageInTimeline): readonly Fact[] {
  if (consent === null) return [];
  const { consentedAt, source, region, rules, checkedAt } = consent;
  const given = consentedAt === null ? 'without a date' : `given ${formatTime(consentedAt)}`;
  const where = source === null ? 'source not known' : `source ${source}`;
  return [
    ['consent', `${given}, ${where}, region ${region}`],
    ['', `as CXone had it ${formatTime(checkedAt)}; permitted by the rules ${rules}`],
  ];
}

/** Which of several runs has it is not known. */
function describeOptOut(
  { complained, unsubscribed, syncedAt }: MessageInTimeline,
  runs: EmailReceipt['optOutRuns'],
): readonly Fact[] {
  if (!complained && !unsubscribed) return [];
  const what = complained ? 'complaint' : 'opt-out';
  if (syncedAt === null) return [[what, "not handed over to CXone's preferences yet"]];
  return [
    [what, `handed over to CXone's preferences, ${formatTime(syncedAt)}`],
    ...describeOptOutRuns(runs).map((text): Fact => ['', text]),
  ];
}

/** What CXone keeps of an event, as far as a person can use it. */
function describeEvent({ data }: TimelineEvent): string {
  const { bounceCode, bounceDescription, bounceType, linkUrl, machine, method } = data as Partial<
    Record<string, unknown>
  >;
  const isBounce = typeof bounceCode === 'string' || typeof bounceDescription === 'string';
  const read = isBounce
    ? classifyBounce({
        code: toText(bounceCode),
        description: toText(bounceDescription),
        label: toText(bounceType),
      })
    : null;
  const parts = [
    read && `read as ${read.class}`,
    toText(bounceCode),
    toText(bounceDescription),
    toText(linkUrl),
    toText(method),
    machine === true ? 'by a machine' : null,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

const toText = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function renderAudit({ runId, audit, unsealedWrites }: EmailReceipt, command: string): string {
  const rows = audit.map(({ seq, action, hash, auditId }) => [
    formatCount(seq),
    spaced(action),
    auditId,
    `${hash.slice(0, 10)}…`,
  ]);
  const columns = [
    { head: 'entry', align: 'right' },
    { head: 'what' },
    { head: 'audit id' },
    { head: 'hash' },
  ] as const;
  const rest =
    unsealedWrites === 0
      ? []
      : [`  ${plural(unsealedWrites, 'request')} not sealed yet; a worker seals them within a second`];
  const hints = [
    '  the hashes cover recipients, messages and consents, but not events, states or current suppressions',
    `  the chain:    ${command} audit verify`,
    `  in full:      ${command} audit --run ${shellQuote(runId)} --json`,
  ];
  return ['audit', renderTable(columns, rows), ...rest, ...hints].join('\n');
}
