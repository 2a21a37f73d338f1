/**
 * A ledger that was restored from a backup while a run went on in Temporal does not know what the run has sent since
 * (docs/adr/0028-restored-ledgers.md). The run does: its history and the heartbeats of its pages have the number of its claims,
 * which never falls while it goes on.
 */
import { fatalFailure } from '../../contract/failures.ts';
import { plural } from '../../domain/numbers.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Claims } from '../../ledger/writes/writes.ts';
import type { Registry } from './registry.ts';

/** What a run has seen of its ledger. */
export interface SeenLedger {
  /** How many claims its writes had. */
  readonly claims: number;
  /** The last batch for which a page was opened: those behind it have never been claimed. */
  readonly lastBatch: number;
}

export interface RestoredDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
}

/**
 * If the ledger lacks claims that the run has seen, what may have been sent is not sent again by itself from now on, whatever
 * becomes of the run. Returns the failure; null: it lacks none. `seen`: absent in histories of earlier versions. `isFound`: a
 * page has found it, but each page knows only some of the batches.
 */
export async function doubtIfRestored(deps: RestoredDeps, run: Run, seen?: SeenLedger, isFound = false) {
  if (!seen) return null;
  const known = await deps.ledger.writes.countClaims(run.run_no, 0, 0);
  const missing = Math.max(seen.claims - known.ofRun, isFound ? 1 : 0);
  return doubtMissing(deps, run, seen.lastBatch, known, missing);
}

/** `missing`: how many claims the ledger lacks at least. Null: none. */
export async function doubtMissing(
  { ledger, registry }: RestoredDeps,
  run: Run,
  toBatch: number,
  { ofRun, lastAt }: Claims,
  missing: number,
) {
  if (missing <= 0) return null;
  // All kinds, because a write that is repeated leads to others. Planned anew, they have other keys than those that were sent.
  const isRepeatable = Object.values(registry.bulk(run.kind).writes).every(
    ({ repeatable, repeatsOnlyWhole = false }) => repeatable && !repeatsOnlyWhole,
  );
  const since = lastAt === null ? 'it knows of no request' : `its last request is of ${lastAt.toISOString()}`;
  const writes = await ledger.writes.doubt(run.run_no, {
    toBatch,
    becomes: isRepeatable ? 'unanswered' : 'in_doubt',
    message: 'the ledger was restored from a backup, and it may have been sent since',
    audit: {
      runId: run.run_id,
      data: { claimsKnown: ofRun, claimsMissing: missing, toBatch },
      key: `ledger_restored ${run.opened_at.toISOString()} ${toBatch}`,
    },
  });
  const what = `the ledger is older than this run: it was restored from a backup (${since}), and lacks ${plural(missing, 'request')} or more`;
  const mayBeSent = `${plural(writes, 'open write')} up to batch ${toBatch} may have been among them`;
  const then = isRepeatable
    ? `${mayBeSent}; they count as unanswered, and the run, started again, finds out what became of them`
    : `${mayBeSent}; they are in doubt, and the run, started again, asks about each before it sends it`;
  const before = 'Repeat the erasures and objections since the backup first (docs/deployment.md)';
  return fatalFailure('LedgerRestored', `${what}. Nothing more is sent. ${then}. ${before}`);
}
