/** What the audit and the CRM are told of a selection update: what really ran, no more (S3 had its flags hard-coded). */
import type { ContactSelection } from '../../domain/selection-update/selection.ts';
import { ruleProblems } from '../../domain/selection-update/selection.ts';
import type { EventIds } from '../../ledger/selections/writes.ts';
import type { SettledPlace } from './desired.ts';

/** Source: S3, step 4; decisions.md 35. */
export const ACTION = 'UPDATE_CONTACT_SELECTION';
export const EVENT = 'campaign.selection.updated';

export interface ComplianceFlags {
  /** No list is both targeted and excluded in what is sent; false too where nothing came to be checked. */
  readonly overlapChecked: boolean;
  /** Rules and priorities are within the limits. */
  readonly complexityValidated: boolean;
  /** Every list that CXone excluded still is, unless the wish or a person took it off. */
  readonly exclusionVerified: boolean;
}

export const NOTHING_CHECKED: ComplianceFlags = {
  overlapChecked: false,
  complexityValidated: false,
  exclusionVerified: false,
};

/** Checks what is about to leave, whatever was checked before. `takenOff`: exclusions that the wish removes. */
export function checkCompliance(
  sent: ContactSelection,
  theirs: ContactSelection,
  takenOff: readonly string[],
): ComplianceFlags {
  const broken = ruleProblems(sent, 'contactSelection', true).map(({ path }) => path);
  const has = (part: RegExp) => broken.some((path) => part.test(path));
  return {
    overlapChecked: !has(/exclusionListIds/),
    complexityValidated: !has(/filterRules|priorityOrder/),
    exclusionVerified: theirs.exclusionListIds.every(
      (id) => sent.exclusionListIds.includes(id) || takenOff.includes(id),
    ),
  };
}

export const isCompliant = (flags: ComplianceFlags): boolean => Object.values(flags).every(Boolean);

export interface AuditFacts {
  readonly campaignId: string;
  /** SHA-256 over canonical JSON; null: nothing was to be sent. */
  readonly payloadHash: string | null;
  readonly result: 'COMPLETED' | 'FAILED' | 'UNCHANGED';
  readonly latencyMs: number | null;
  readonly httpStatus: number | null;
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
  readonly complianceFlags: ComplianceFlags;
  /** What both sides had changed, and who said whose change counts; absent where there was nothing to settle. */
  readonly settled?: readonly SettledPlace[];
  readonly details: string;
}

export function auditEntry(facts: AuditFacts): { action: string; data: Readonly<Record<string, unknown>> } {
  const { settled = [], ...data } = facts;
  return { action: ACTION, data: { ...data, ...(settled.length > 0 && { settled }) } };
}

/** cxone-api.md "What we tell the CRM". Rendered once, so that every try sends the same bytes. */
export function renderEvent(
  run: { readonly run_id: string; readonly target: string },
  flags: ComplianceFlags,
  { eventId, auditId, at }: EventIds,
): string {
  return JSON.stringify({
    id: eventId,
    event: EVENT,
    timestamp: at.toISOString(),
    runId: run.run_id,
    campaignId: run.target,
    auditId,
    updatedAt: at.toISOString(),
    compliant: isCompliant(flags),
  });
}

/** Told with the try that failed: not to be told a second time where the run ends of it. */
export class Audited extends Error {
  override readonly name = 'Audited';
  override readonly cause: Error;
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.cause = cause;
  }
}
