/** The audit entry and the event of a selection update. They report the checks that really ran, and no others. */
import type { ContactSelection } from '../../domain/selection-update/selection.ts';
import { limitProblems } from '../../domain/selection-update/selection.ts';
import type { EventIds } from '../../ledger/selections/writes.ts';
import type { EventDefinition } from '../engine/definition.ts';
import type { ResolvedPlace } from './desired.ts';

/** Names and flags: docs/cxone-contract.md#outbound-campaigns. */
const ACTION = 'UPDATE_CONTACT_SELECTION';
export const EVENT: EventDefinition = { name: 'campaign.selection.updated', endpoint: 'crm' };

export interface ComplianceFlags {
  /** No list is both targeted and excluded in what is sent. False also if nothing was checked. */
  readonly overlapChecked: boolean;
  /** Rules and priorities are within the limits. */
  readonly complexityValidated: boolean;
  /** Every list that was excluded in CXone still is, unless the desired selection removes it. */
  readonly exclusionVerified: boolean;
}

const NOTHING_CHECKED: ComplianceFlags = {
  overlapChecked: false,
  complexityValidated: false,
  exclusionVerified: false,
};

/** Checks what is about to be sent, whatever was checked before. `removed`: exclusions that the desired selection removes. */
export function checkCompliance(
  sent: ContactSelection,
  theirs: ContactSelection,
  removed: readonly string[],
): ComplianceFlags {
  const broken = limitProblems(sent, 'contactSelection').map(({ path }) => path);
  const has = (part: RegExp) => broken.some((path) => part.test(path));
  return {
    overlapChecked: !has(/exclusionListIds/),
    complexityValidated: !has(/filterRules|priorityOrder/),
    exclusionVerified: theirs.exclusionListIds.every(
      (id) => sent.exclusionListIds.includes(id) || removed.includes(id),
    ),
  };
}

const isCompliant = (flags: ComplianceFlags): boolean => Object.values(flags).every(Boolean);

export interface AuditFacts {
  readonly campaignId: string;
  /** SHA-256 of the canonical JSON; null if nothing was to be sent. */
  readonly payloadHash: string | null;
  readonly result: 'COMPLETED' | 'FAILED' | 'UNCHANGED';
  readonly latencyMs: number | null;
  /** How long the request took by CXone's own account. */
  readonly cxoneMs: number | null;
  readonly httpStatus: number | null;
  readonly versionBefore: number | null;
  readonly versionAfter: number | null;
  readonly complianceFlags: ComplianceFlags;
  /** The places that both sides had changed, and who decided which change counts; absent if there were none. */
  readonly resolved?: readonly ResolvedPlace[];
  readonly details: string;
}

const NOTHING_KNOWN = {
  payloadHash: null,
  latencyMs: null,
  cxoneMs: null,
  httpStatus: null,
  versionBefore: null,
  versionAfter: null,
  complianceFlags: NOTHING_CHECKED,
};

/** What the facts leave out is not known. */
export function auditEntry(
  facts: Partial<AuditFacts> & Pick<AuditFacts, 'campaignId' | 'result' | 'details'>,
): { action: string; data: Readonly<Record<string, unknown>> } {
  const { resolved = [], ...data } = { ...NOTHING_KNOWN, ...facts };
  // Stored as `settled`: entries are permanent, and the older ones have that name.
  return { action: ACTION, data: { ...data, ...(resolved.length > 0 && { settled: resolved }) } };
}

/** What an event reports about the request. Null: no answer came, or CXone reports no duration. */
export interface WrittenFacts extends Pick<AuditFacts, 'latencyMs' | 'cxoneMs'> {
  readonly flags: ComplianceFlags;
}

/** The body of the event (docs/cxone-contract.md#webhook-events). Rendered once, so that every attempt sends the same bytes. */
export function renderEvent(
  run: { readonly run_id: string; readonly target: string },
  { flags, latencyMs, cxoneMs }: WrittenFacts,
  { eventId, auditId, at }: EventIds,
): string {
  return JSON.stringify({
    id: eventId,
    event: EVENT.name,
    timestamp: at.toISOString(),
    runId: run.run_id,
    campaignId: run.target,
    auditId,
    updatedAt: at.toISOString(),
    compliant: isCompliant(flags),
    latencyMs,
    cxoneMs,
  });
}

/** An error that is in the audit already, so that the end of the run does not add it once more. */
export class Audited extends Error {
  override readonly name = 'Audited';
  override readonly cause: Error;
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.cause = cause;
  }
}
