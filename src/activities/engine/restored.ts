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
 * becomes of the run. Returns the failure; null: it lacks none. `seen`: absent in histories of earlier versions. `isKnown`: a
 * page has found it, but each page knows only some of the batches.
 */
export async function markIfRestored(deps: RestoredDeps, run: Run, seen?: SeenLedger, isKnown = false) {
  if (!seen) return null;
  const known = await deps.ledger.writes.countClaims(run.run_no);
  const missing = Math.max(seen.claims - known.ofRun, isKnown ? 1 : 0);
  return markIfMissing(deps, run, seen.lastBatch, known, missing);
}

/**
 * Marks what may have been sent, and returns the failure. `missing`: how many claims the ledger lacks at least. Null: none, or the
 * run was started again meanwhile, and what this start of it has seen no longer matters.
 */
export async function markIfMissing(
  { ledger, registry }: RestoredDeps,
  run: Run,
  lastBatch: number,
  { ofRun, lastAt }: Claims,
  missing: number,
) {
  if (missing <= 0) return null;
  const isRepeatable = mayRepeatAll(registry, run);
  // If the plan was made again after the backup, the batches that were sent were other ones.
  const toBatch = registry.bulk(run.kind).recheck ? null : lastBatch;
  const writes = await ledger.writes.markPossiblySent(run, {
    toBatch,
    becomes: isRepeatable ? 'unanswered' : 'in_doubt',
    audit: {
      runId: run.run_id,
      data: { claimsKnown: ofRun, claimsMissing: missing, toBatch },
      key: `ledger_restored ${run.opened_at.toISOString()} ${toBatch}`,
    },
  });
  if (writes === null) return null;
  const last = lastAt === null ? 'none' : lastAt.toISOString();
  const what = `this run has made at least ${plural(missing, 'request')} that the ledger does not know, so the ledger was restored from a backup (last known request: ${last})`;
  const open = `${plural(writes, 'open write')}${toBatch === null ? '' : ` up to batch ${toBatch}`} may have been sent`;
  const then = isRepeatable
    ? `${open}; once the run is started again, it finds out what became of them`
    : `${open} and are in doubt; once the run is started again, they are sent again only if somebody decides so`;
  return restored(`${what}. Nothing more is sent. ${then}`);
}

/**
 * A plan that is made after the ledger was restored would take everything that the run has sent for new, if the backup had no
 * plan: under other keys than those that were sent. Errors: LedgerRestored.
 */
export function requireKnownPlan({ registry }: Pick<RestoredDeps, 'registry'>, run: Run): void {
  if (run.restored_at === null || run.plan_hash !== null || mayRepeatAll(registry, run)) return;
  throw restored(
    'the ledger was restored from a backup from before this run was planned, so nobody knows here what it has sent. Nothing is ' +
      'sent. Find out in CXone who is missing, and start a new run for them',
  );
}

/** All kinds, because a write that is repeated leads to others. */
function mayRepeatAll(registry: Registry, run: Run): boolean {
  return Object.values(registry.bulk(run.kind).writes).every(
    ({ repeatable, repeatsOnlyWhole = false }) => repeatable && !repeatsOnlyWhole,
  );
}

const restored = (what: string) =>
  fatalFailure(
    'LedgerRestored',
    `${what}. First repeat the erasures and objections made since the backup (docs/deployment.md)`,
  );
