/** Notices that a run makes no progress, and finds out whether it lacks a worker. */
import type { Executions, WorkerState } from '../../client/executions.ts';
import type { Counts } from '../../domain/run.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { RateBlock } from '../../queries/rate-limits.ts';
import { describeRateBlock } from '../render/rate-limits.ts';
import { waitsForPerson } from './question.ts';

/** A run that has not changed for this long may have no worker. */
const STALLED_AFTER_MS = 10_000;

export interface StallOptions {
  readonly runId: string;
  readonly executions: Pick<Executions, 'findWorker'>;
  /** What keeps requests to CXone from leaving. */
  readonly listBlocks: () => Promise<readonly RateBlock[]>;
  /** How the user calls the program. */
  readonly command: string;
  readonly nowMs: () => number;
}

export class StallDetector {
  readonly #options: StallOptions;
  #state = '';
  #sinceMs: number;
  #isChecking = false;
  /** Why the run makes no progress, as far as that is known. */
  trouble: string | null = null;

  constructor(options: StallOptions) {
    this.#options = options;
    this.#sinceMs = options.nowMs();
  }

  /** Returns for how long nothing has changed, in milliseconds. */
  observe(run: Run | undefined, counts: Counts | null): number {
    const state = JSON.stringify([run?.state, run?.phase, run?.waiting_for, counts]);
    const now = this.#options.nowMs();
    if (state !== this.#state) {
      this.#state = state;
      this.#sinceMs = now;
      this.trouble = null;
    }
    const unchangedMs = now - this.#sinceMs;
    const isWaiting = run !== undefined && waitsForPerson(run);
    if (unchangedMs >= STALLED_AFTER_MS && !isWaiting && !this.#isChecking) void this.#check();
    return unchangedMs;
  }

  async #check(): Promise<void> {
    const { executions, runId, command, listBlocks } = this.#options;
    this.#isChecking = true;
    const before = this.#state;
    const worker = await executions.findWorker(runId);
    const [block] = await listBlocks().catch(() => []);
    if (before === this.#state) this.trouble = describeTrouble(worker, block, command);
    this.#isChecking = false;
  }
}

function describeTrouble(
  worker: WorkerState | null,
  block: RateBlock | undefined,
  command: string,
): string | null {
  if (worker === null) return 'Temporal does not answer; trying again';
  if (worker === 'none') return `no worker answers; start one with \`${command} worker\``;
  if (block) return `${describeRateBlock(block)}; see \`${command} limits\``;
  return worker === 'busy' ? 'the worker is busy, or has just stopped; waiting for it' : null;
}
