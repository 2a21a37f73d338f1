/** What is stored when preferences are settled: consents, and the proof of what was sent. */
import type { PreferenceItem, StoredPreference } from '../../cxone/preferences.ts';
import type { Channel } from '../../domain/consent/eligibility.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import type { ProofBatch, ProofEntry } from '../../ledger/consent/proof.ts';
import { canonicalize, sha256 } from '../../ledger/hashing.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { PendingRecord } from '../../ledger/runs/records.ts';
import type { SettledGroup } from '../../ledger/writes/settlements.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import type { UpdateRefs } from './answers.ts';
import { SHARED_KEY, type StagedItem } from './item-keys.ts';
import { ON_SUPPRESSION_LIST } from './rows.ts';
import { needsSuppression } from './verdicts.ts';

export interface SettlementSource {
  /** The preferences that CXone has on record, by the number of the record, if they were read. */
  readonly stored?: ReadonlyMap<number, StoredPreference | null>;
  /** The batch that carried the records; null, the default, if none did and so nothing is to be proven. */
  readonly request?: Omit<ProofBatch, 'runId' | 'writeId'> | null;
}

/** As it is sent. */
export function toItem({ record }: PendingRecord): PreferenceItem {
  const { sharedKey: _, ...item } = record as StagedItem;
  return item;
}

export const hasOptIn = ({ records }: WriteAttempt): boolean =>
  records.some((record) => toItem(record).optIn);

/**
 * A hash of run, batch and content, without Temporal's run id, so that it survives any restart. Items that are sent again
 * because CXone does not have them get another key: CXone would answer the same key as it answered the first time.
 */
export function toBatchKey({
  run,
  batch,
  records,
  refs,
}: Pick<WriteAttempt, 'run' | 'batch' | 'records' | 'refs'>): string {
  const { again } = (refs ?? {}) as UpdateRefs;
  return sha256(
    canonicalize({ run: run.run_id, batch, items: records.map(toItem), ...(again && { again }) }),
  );
}

/**
 * Completes the settled groups of an answer. Objections that CXone did not accept have been on our own suppression list
 * since they were staged, and a reason says so. In the transaction that settles, consents that CXone has end older entries.
 */
export function prepareSettlement(
  ledger: Ledger,
  { run, writeId, records }: WriteAttempt,
  settled: readonly SettledGroup[],
  { stored = new Map(), request = null }: SettlementSource = {},
): Pick<Answer, 'groups' | 'inSettleTransaction' | 'emitsEvent'> {
  const items = new Map(records.map((record) => [record.seq, toItem(record)]));
  const groups = explainSharedKeys(records, settled).map((group) => {
    const refused = group.seqs.filter((seq) =>
      isRefusedObjection(group, items.get(seq), stored.get(seq) ?? null),
    );
    if (refused.length === 0) return group;
    return { ...group, reasons: [...(group.reasons ?? []), ON_SUPPRESSION_LIST] };
  });
  const inCxone = groups.filter(({ outcome }) => outcome === 'updated' || outcome === 'existing');
  const consents = [
    ...inCxone.flatMap(({ seqs }) => seqs).flatMap((seq) => toConsents(items.get(seq))),
    ...[...stored].flatMap(([seq, preference]) => newerConsents(items.get(seq), preference)),
  ];
  return {
    groups,
    emitsEvent: groups.some(({ outcome }) => outcome === 'updated' || outcome === 'existing'),
    async inSettleTransaction(tx) {
      await ledger.suppressions.recordConsents(consents, tx);
      if (!request) return;
      const entries = groups.flatMap((group) =>
        group.seqs.flatMap((seq, index) =>
          toProofEntries(seq, items.get(seq), group, group.cxoneIds?.[index] ?? null),
        ),
      );
      await ledger.consentProof.record(tx, { runId: run.run_id, writeId, ...request }, entries);
    },
  };
}

function explainSharedKeys(
  records: readonly PendingRecord[],
  groups: readonly SettledGroup[],
): readonly SettledGroup[] {
  const shared = new Set(
    records.filter(({ record }) => (record as StagedItem).sharedKey).map(({ seq }) => seq),
  );
  if (shared.size === 0) return groups;
  const select = (group: SettledGroup, isShared: boolean): SettledGroup[] => {
    const isSelected = (seq: number | undefined) => seq !== undefined && shared.has(seq) === isShared;
    const seqs = group.seqs.filter(isSelected);
    if (seqs.length === 0) return [];
    const cxoneIds = group.cxoneIds?.filter((_, place) => isSelected(group.seqs[place]));
    return [
      {
        ...group,
        seqs,
        ...(cxoneIds && { cxoneIds }),
        ...(isShared && { reasons: [...(group.reasons ?? []), SHARED_KEY] }),
      },
    ];
  };
  return groups.flatMap((group) => [...select(group, false), ...select(group, true)]);
}

/**
 * The consent that CXone has instead of a staged objection; the suppression list compares their dates. A consent with a date
 * that cannot be read ends no objection.
 */
function newerConsents(item: PreferenceItem | undefined, stored: StoredPreference | null) {
  if (!item || item.optIn || !stored?.optIn || stored.consentTimestamp === null) return [];
  const consentTimestamp = toUtcTimestamp(stored.consentTimestamp.trim());
  if (consentTimestamp === null) return [];
  const { contactId, channel } = item;
  return [{ contactId, channel: channel as Channel, consentTimestamp }];
}

/** Groups with one of these outcomes have a single record each, so a reason can be added to the group. */
function isRefusedObjection(
  { outcome }: SettledGroup,
  item: PreferenceItem | undefined,
  stored: StoredPreference | null,
): boolean {
  const isRefused = outcome === 'rejected' || outcome === 'conflict' || outcome === 'in_doubt';
  return item !== undefined && isRefused && needsSuppression(item, stored);
}

/** None for an opt-out, or without a date. */
export function toConsents(item: PreferenceItem | undefined) {
  if (!item?.optIn || item.consentTimestamp === null) return [];
  const { contactId, channel, consentTimestamp } = item;
  return [{ contactId, channel: channel as Channel, consentTimestamp }];
}

export function toProofEntries(
  seq: number,
  item: PreferenceItem | undefined,
  group: Omit<SettledGroup, 'seqs' | 'cxoneIds'>,
  cxoneId: string | null = null,
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
      cxoneId,
    },
  ];
}
