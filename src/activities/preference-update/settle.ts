/** What is remembered with the settle of preferences: objections, consents, and the proof of what was sent. */
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { ProofBatch, ProofEntry } from '../../ledger/consent/proof.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Objection } from '../../ledger/consent/suppressions.ts';
import type { Answer, PendingRecord, WriteAttempt } from '../engine/definition.ts';
import { needsSuppression, type UpdateRefs } from './answers.ts';
import { ON_OUR_LIST } from './rows.ts';

export interface SettledBy {
  /** What CXone has on record, where it was read. */
  readonly found?: ReadonlyMap<number, StoredPreference | null>;
  /** The batch that carried the records. Default: none did, and there is nothing to prove. */
  readonly request?: Omit<ProofBatch, 'runId' | 'writeId'> | null;
}

export const itemOf = ({ record }: PendingRecord): PreferenceItem => record as PreferenceItem;

/**
 * Hash of run, batch and content: the same after any restart, and never Temporal's run id. What CXone said nothing of and
 * does not have is sent under another key, or it would answer what it answered the first time.
 */
export function batchKey({
  run,
  batch,
  records,
  refs,
}: Pick<WriteAttempt, 'run' | 'batch' | 'records' | 'refs'>): string {
  const { again } = (refs ?? {}) as UpdateRefs;
  return sha256(
    canonicalize({ run: run.run_id, batch, items: records.map(itemOf), ...(again && { again }) }),
  );
}

/** With the settle: objections that CXone did not take go to our own list, and a consent that it took ends an older one. */
export function settling(
  ledger: Ledger,
  { run, writeId, records }: WriteAttempt,
  settled: readonly SettledGroup[],
  { found = new Map(), request = null }: SettledBy = {},
): Pick<Answer, 'groups' | 'inSettleTransaction' | 'emitsEvent'> {
  const items = new Map(records.map((record) => [record.seq, itemOf(record)]));
  const objections: Objection[] = [];
  const groups = settled.map((group) => {
    const lost = group.seqs.filter((seq) => isLost(group, items.get(seq), found.get(seq) ?? null));
    objections.push(...lost.flatMap((seq) => objectionOf(items.get(seq), group)));
    return lost.length === 0 ? group : { ...group, reasons: [...(group.reasons ?? []), ON_OUR_LIST] };
  });
  const inCxone = groups.filter(({ outcome }) => outcome === 'updated' || outcome === 'existing');
  const consents = [
    ...inCxone.flatMap(({ seqs }) => seqs).flatMap((seq) => consentOf(items.get(seq))),
    // The objection was staged, but CXone has a consent that is newer than it.
    ...[...found].flatMap(([seq, stored]) => newerConsent(items.get(seq), stored)),
  ];
  return {
    groups,
    emitsEvent: groups.some(({ outcome }) => outcome === 'updated' || outcome === 'existing'),
    async inSettleTransaction(tx) {
      await ledger.suppressions.add(objections, run.run_no, tx);
      await ledger.suppressions.recordConsents(consents, tx);
      if (!request) return;
      const entries = groups.flatMap((group) =>
        group.seqs.flatMap((seq) => proofOf(seq, items.get(seq), group)),
      );
      await ledger.consentProof.record(tx, { runId: run.run_id, writeId, ...request }, entries);
    },
  };
}

function newerConsent(item: PreferenceItem | undefined, stored: StoredPreference | null) {
  if (!item || item.optIn || !stored?.optIn || stored.consentTimestamp === null) return [];
  const { contactId, channel } = item;
  return [{ contactId, channel: channel as Channel, consentTimestamp: stored.consentTimestamp }];
}

/** Groups of these three have one record each. */
function isLost(
  { outcome }: SettledGroup,
  item: PreferenceItem | undefined,
  stored: StoredPreference | null,
): boolean {
  const isOpen = outcome === 'rejected' || outcome === 'conflict' || outcome === 'in_doubt';
  return item !== undefined && isOpen && needsSuppression(item, stored);
}

export function objectionOf(
  item: PreferenceItem | undefined,
  { reasons }: Pick<SettledGroup, 'reasons'>,
): Objection[] {
  if (!item) return [];
  const { contactId, channel, withdrawalTimestamp, updatedAt } = item;
  const reason = reasons?.[0]?.code ?? 'refused';
  return [{ contactId, channel: channel as Channel, reason, since: withdrawalTimestamp ?? updatedAt }];
}

export function consentOf(item: PreferenceItem | undefined) {
  if (!item?.optIn || item.consentTimestamp === null) return [];
  const { contactId, channel, consentTimestamp } = item;
  return [{ contactId, channel: channel as Channel, consentTimestamp }];
}

export function proofOf(
  seq: number,
  item: PreferenceItem | undefined,
  group: Omit<SettledGroup, 'seqs'>,
): ProofEntry[] {
  if (!item) return [];
  const { outcome, reasons = [], evidence = null } = group;
  return [
    {
      seq,
      ...item,
      channel: item.channel as Channel,
      outcome,
      reasons: reasons.map(({ code }) => code),
      evidence,
    },
  ];
}
