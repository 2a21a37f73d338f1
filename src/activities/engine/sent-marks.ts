/**
 * Notes in the ledger which requests have left. A claim alone does not show it: after a crash, writes that were claimed ahead
 * had never been sent, which matters to a person who decides whether to send them again. No request waits for its mark, so
 * a claim without one leaves the question open.
 */
import type { SentClaim } from '../../ledger/writes/writes.ts';

/** How long the question stays open: much shorter than CXone takes to answer. Marks that arrive meanwhile are stored together. */
const MARK_AFTER_MS = 10;

export class SentMarks {
  readonly #mark: (claims: readonly SentClaim[]) => Promise<void>;
  #unmarked: SentClaim[] = [];
  #isScheduled = false;

  constructor(mark: (claims: readonly SentClaim[]) => Promise<void>) {
    this.#mark = mark;
  }

  /** A request is leaving under this claim. */
  add({ id, fence }: SentClaim): void {
    this.#unmarked.push({ id, fence });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => void this.#markAll(), MARK_AFTER_MS).unref();
  }

  /** At once. An unreachable ledger is reported by the settlement. */
  async markNow(claims: readonly SentClaim[]): Promise<void> {
    await this.#mark(claims).catch(() => undefined);
  }

  async #markAll(): Promise<void> {
    const claims = this.#unmarked;
    this.#unmarked = [];
    await this.markNow(claims);
    this.#isScheduled = false;
    if (this.#unmarked.length > 0) this.#schedule();
  }
}
