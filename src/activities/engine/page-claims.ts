/** How many claims a page has seen, of its own batches and of its run: what its heartbeats say, and what the ledger has to know. */
import { Context } from '@temporalio/activity';
import type { Run } from '../../ledger/runs/runs.ts';
import type { Claims } from '../../ledger/writes/writes.ts';
import type { Page } from './page-worker.ts';
import { markIfMissing, type RestoredDeps } from './restored.ts';

/** Never more than the ledger has. */
interface HeartbeatClaims {
  readonly claims: number;
  readonly claimsOfRun: number;
}

interface Count {
  claims: number;
  pages: number;
}

/**
 * The claims of the runs that have open pages in this process. A page reads the ledger before it claims anything, so none of the
 * claims that are added later is among those that the first page has read.
 */
export class RunClaims {
  readonly #counts = new Map<string, Count>();

  of(run: Run): number {
    return this.#counts.get(keyOf(run))?.claims ?? 0;
  }

  open(run: Run, read: number): Count {
    const count = this.#counts.get(keyOf(run)) ?? { claims: read, pages: 0 };
    count.pages += 1;
    this.#counts.set(keyOf(run), count);
    return count;
  }

  close(run: Run): void {
    const count = this.#counts.get(keyOf(run));
    if (!count) return;
    count.pages -= 1;
    if (count.pages === 0) this.#counts.delete(keyOf(run));
  }
}

/** A run that was started again has a new history, which has seen nothing. */
const keyOf = ({ run_id: runId, opened_at: openedAt }: Run): string => `${openedAt.getTime()} ${runId}`;

export class PageClaims {
  readonly #deps: RestoredDeps;
  readonly #runs: RunClaims;
  readonly #page: Page;
  #claims: number;
  #claimsOfRun: number;
  #count: Count | null = null;

  constructor(deps: RestoredDeps, runs: RunClaims, page: Page) {
    this.#deps = deps;
    this.#runs = runs;
    this.#page = page;
    // Of an earlier attempt at the page. Those of earlier versions have no such numbers.
    const details = Context.current().info.heartbeatDetails as Partial<HeartbeatClaims> | undefined;
    this.#claims = details?.claims ?? 0;
    this.#claimsOfRun = Math.max(details?.claimsOfRun ?? 0, page.seen?.claims ?? 0);
  }

  seen(): HeartbeatClaims {
    return {
      claims: this.#claims,
      claimsOfRun: Math.max(this.#claimsOfRun, this.#count?.claims ?? 0),
    };
  }

  /** The page has committed another claim. */
  add(): void {
    this.#claims += 1;
    if (this.#count) this.#count.claims += 1;
  }

  /** Before the page claims anything. Throws LedgerRestored if the ledger knows less. */
  async begin(run: Run): Promise<void> {
    const known = await this.#check(run);
    this.#claims = known.ofBatches;
    this.#count = this.#runs.open(run, known.ofRun);
  }

  /** Returns how many the ledger knows of the run. Throws LedgerRestored if it knows less. */
  async end(run: Run): Promise<number> {
    return (await this.#check(run)).ofRun;
  }

  close(run: Run): void {
    if (this.#count) this.#runs.close(run);
  }

  async #check(run: Run): Promise<Claims> {
    const { fromBatch, toBatch, seen } = this.#page;
    const claimsOfRun = Math.max(this.seen().claimsOfRun, this.#runs.of(run));
    const claims = this.#claims;
    const known = await this.#deps.ledger.writes.countClaims(run.run_no, { fromBatch, toBatch });
    const missing = Math.max(claims - known.ofBatches, claimsOfRun - known.ofRun);
    const lastBatch = Math.max(toBatch, seen?.lastBatch ?? 0);
    const failure = await markIfMissing(this.#deps, run, lastBatch, known, missing);
    if (failure) throw failure;
    return known;
  }
}
