/**
 * Asked before every batch: may these people still be called, and now, and do they fit into the campaign? What CXone has to be asked
 * is asked before the batch is claimed, because a long suppression list takes longer to read than a claim lasts.
 */
import { LRUCache } from 'lru-cache';
import { SnapshotGone } from '../../ledger/consent/suppression-snapshots.ts';
import { GateInterrupted } from '../engine/gate.ts';
import { mayBeApplied } from '../engine/prior-attempt.ts';
import type { ConsentGate, Withheld, WriteAttempt, WriteDefinition } from '../engine/write-definition.ts';
import { findRoom, NO_CAPACITY } from './capacity.ts';
import { findOutOfHours, type OutOfHours } from './hours.ts';
import { findSuppressedItems } from './screen.ts';
import type { ListLoadDeps } from './settings.ts';
import { requireSnapshot } from './snapshot.ts';

/** What was found out about a batch before its claim. */
interface Admission {
  readonly snapshotNo: number;
  /** How many of its records fit, in their order. */
  readonly room: number;
}

/** Longer than a claim waits for its permit and for the end of a block. */
const VALID_MS = 30_000;
const ADMISSIONS_KEPT = 1_000;

export function createGate(deps: ListLoadDeps): {
  readonly beforeClaim: NonNullable<WriteDefinition['beforeClaim']>;
  readonly gate: ConsentGate;
} {
  const admissions = new LRUCache<string, Admission>({ max: ADMISSIONS_KEPT, ttl: VALID_MS });
  return {
    beforeClaim: async (run, write, signal) => {
      // It has waited for its turn since.
      if (admissions.has(write.id)) return;
      const { snapshotNo } = await requireSnapshot(deps, run, { signal });
      // Its items may have taken their room already, and then the campaign may be full because of them. They did fit before the
      // first attempt.
      const room = mayBeApplied(write) ? Infinity : await findRoom(deps, run, write.seqs.length, signal);
      admissions.set(write.id, { snapshotNo, room });
    },
    gate: async (attempt) => {
      const admission = admissions.get(attempt.writeId);
      admissions.delete(attempt.writeId);
      // What was found out is too old. The next attempt finds it out anew.
      if (!admission) throw new GateInterrupted(null);
      const hours = await findOutOfHours(deps.ledger, attempt);
      const withheld = await findWithheld(deps, attempt, admission, hours);
      return { withheld: new Map([...hours.withheld, ...withheld]), notBefore: hours.notBefore };
    },
  };
}

async function findWithheld(
  { ledger }: ListLoadDeps,
  attempt: WriteAttempt,
  { snapshotNo, room }: Admission,
  hours: OutOfHours,
): Promise<Map<number, Withheld>> {
  const suppressed = await findSuppressedItems(ledger, snapshotNo, attempt.records).catch(
    (error: unknown) => {
      // Another attempt at the page has read the list again.
      throw error instanceof SnapshotGone ? new GateInterrupted(null) : error;
    },
  );
  // Who is not loaded now takes no room.
  const others = attempt.seqs.filter(
    (seq) => !suppressed.has(seq) && !hours.withheld.has(seq) && !hours.notBefore.has(seq),
  );
  const beyond = others.slice(Math.min(room, others.length));
  const cancelled: Withheld = { outcome: 'cancelled', reasons: [NO_CAPACITY] };
  return new Map([...suppressed, ...beyond.map((seq) => [seq, cancelled] as const)]);
}
