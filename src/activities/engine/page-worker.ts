/** Works through one page: its open writes, each claimed, sent and settled on its own. One object per attempt at a page. */
import type { CxoneError } from '../../cxone/errors.ts';
import type { Counts, Outcome } from '../../domain/run.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { OpenWrite } from '../../ledger/writes/writes.ts';
import { SpacingWait } from '../failures.ts';
import { askAgain } from './ask-again.ts';
import { Attempts, type HeldWrite } from './attempt.ts';
import { type BulkDefinition, definitionOf } from './definition.ts';
import { describeGivenUp, failsRepeatedly, mayBeAppliedAfter } from './failing.ts';
import { GateInterrupted, sendThroughGate } from './gate.ts';
import { type HaltReason, type LostInARow, OUTAGE_AFTER, PageHalt } from './page-halt.ts';
import { inTurn, MAX_DOUBLINGS, mayBeTried, waitBeforeNextPass } from './page-order.ts';
import { maySend } from './prior-attempt.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { SeenLedger } from './restored.ts';
import { type PageEvents, PageSettlement, type SettledAnswer } from './settle.ts';
import { toAttempt, withoutPersons } from './write-attempt.ts';
import type { WriteDefinition } from './write-definition.ts';

export interface Page {
  readonly runId: string;
  readonly fromBatch: number;
  readonly toBatch: number;
  /** Epoch ms: nothing is claimed after it. Absent: at any time. */
  readonly claimsUntil?: number;
  /** Absent in histories of earlier versions. */
  readonly seen?: SeenLedger;
}

export interface PageResult {
  /** Of the whole run, as the ledger has them now. */
  readonly counts: Counts;
  /** Writes that are still open: unanswered, or leased by another worker. */
  readonly left: number;
  /** How long to wait before the next pass over those. */
  readonly waitMs: number;
  readonly halted: HaltReason | null;
  /** ISO 8601: the first moment at which writes may be tried that are not among `left` because it has not come. Absent: none. */
  readonly notBefore?: string;
  /** How many claims the ledger knows of the run. Absent in histories of earlier versions. */
  readonly claims?: number;
  /** Of an operation that pauses after `limit` of them. */
  readonly lost?: LostInARow & { readonly limit: number };
}

export interface PageWorkerDeps {
  readonly ledger: Ledger;
  readonly rateLimiter: RateLimiter;
  readonly holder: string;
  /** A claim of the page was committed. */
  readonly onClaimed: () => void;
}

/** An answer that is not settled yet. */
interface Answered {
  readonly answer: SettledAnswer;
  readonly fence: number;
  readonly latencyMs: number;
}

/** What CXone is asked before the claim (`beforeClaim`) has failed. Nothing was claimed. */
class QuestionFailed extends Error {
  override readonly name = 'QuestionFailed';
  constructor(cause: unknown) {
    super('the question before the claim failed', { cause });
  }
}

export class PageWorker {
  readonly #deps: PageWorkerDeps;
  readonly #run: Run;
  readonly #definition: BulkDefinition;
  readonly #settlement: PageSettlement;
  readonly #attempts: Attempts;
  readonly #halt: PageHalt;
  /** One for each kind of write that needs it. */
  readonly #probes = new Map<string, Promise<void>>();
  readonly #tried = new Set<string>();
  #leasedForMs = 0;
  #claimsUntil = Infinity;

  constructor(deps: PageWorkerDeps, run: Run, definition: BulkDefinition, events: PageEvents) {
    this.#deps = deps;
    this.#run = run;
    this.#definition = definition;
    this.#halt = new PageHalt(definition.pausesAfter);
    this.#settlement = new PageSettlement(deps.ledger, run.run_no, events);
    this.#attempts = new Attempts({ ...deps, signal: this.#halt.signal });
  }

  /** Claims nothing more. What is in flight is settled. */
  halt(why: HaltReason): void {
    this.#halt.haltOn({ why });
  }

  counts(): Partial<Record<Outcome, number>> {
    return this.#settlement.counts();
  }

  /** In rounds, because answers create new writes: the rest of a batch, its halves, its updates. */
  async work(page: Page): Promise<void> {
    this.#claimsUntil = page.claimsUntil ?? Infinity;
    for (;;) {
      const next = await this.#nextWrites(page);
      if (next.length === 0 || this.#halt.claimsNothing) break;
      const isRanked = this.#definition.order === 'rank';
      const all = isRanked ? this.#processInTurn(next) : Promise.all(next.map((w) => this.#process(w)));
      await Promise.race([all, this.#halt.drained]);
    }
    this.#halt.throwIfEnded();
  }

  /** Ends early where others go first now: what an answer has left of its batch, or whatever waits for its turn. */
  async #processInTurn(writes: readonly OpenWrite[]): Promise<void> {
    const derivedBefore = this.#settlement.derived;
    for (const write of writes) {
      await this.#process(write);
      const goesOn = !this.#halt.claimsNothing && this.#halt.spacingWait === null;
      if (!goesOn || this.#settlement.derived > derivedBefore) return;
    }
  }

  /**
   * What is asked before the claim is asked again here, because Temporal's backoff would grow with every answer that is lost, however
   * much the page achieves. No slot is held meanwhile, so that other pages go on.
   */
  async #process(write: OpenWrite): Promise<void> {
    this.#tried.add(write.id);
    const process = () => this.#deps.rateLimiter.withPipelineSlot(() => this.#processWrite(write));
    const patience = { failures: OUTAGE_AFTER, growing: MAX_DOUBLINGS };
    await askAgain(process, patience, this.#halt.signal).catch((error: unknown) =>
      this.#halt.noteError(error),
    );
  }

  /** Those not tried yet. If all of them have to be kept apart, waits for their turn, while no slot is held. */
  async #nextWrites(page: Page): Promise<readonly OpenWrite[]> {
    const open = await this.#openWrites(page);
    const untried = open.filter((write) => mayBeTried(write) && !this.#tried.has(write.id));
    const next = inTurn(untried, this.#definition);
    if (this.#halt.spacingWait === null) return next;
    const others = next.filter((write) => !definitionOf(this.#definition, write).spacing);
    if (others.length > 0) return others;
    await this.#halt.waitForTurn();
    return next;
  }

  /** Throws if CXone answered nothing at all: Temporal's backoff waits out an outage without growing the history. */
  async result(page: Page): Promise<PageResult> {
    const open = await this.#openWrites(page);
    const left = open.filter(mayBeTried);
    const [notBefore] = open.flatMap((write) => write.notBefore ?? []).sort();
    this.#halt.throwIfUnanswered(left.length);
    const halted = this.#halt.reason;
    const { pausesAfter } = this.#definition;
    return {
      counts: await this.#deps.ledger.runs.counts(this.#run.run_no),
      left: left.length,
      waitMs: waitBeforeNextPass(left, this.#leasedForMs),
      halted,
      ...(notBefore !== undefined && { notBefore }),
      ...(pausesAfter && { lost: { ...this.#halt.lost, limit: pausesAfter.lostAnswers } }),
    };
  }

  #openWrites({ fromBatch, toBatch }: Page): Promise<OpenWrite[]> {
    return this.#deps.ledger.writes.listOpen(this.#run.run_no, fromBatch, toBatch);
  }

  /**
   * Claims, sends, settles. Whatever goes wrong leaves the write in a state that the next attempt understands. Throws only why the
   * question before the claim failed.
   */
  async #processWrite(write: OpenWrite): Promise<void> {
    try {
      const { rateLimiter } = this.#deps;
      // Halting before the slot is free again: otherwise the next write would still be claimed.
      const answered = await rateLimiter.withClaimSlot(() =>
        this.#claimAndSend(write).catch((error: unknown) => {
          if (error instanceof QuestionFailed) throw error;
          if (error instanceof SpacingWait) this.#tried.delete(write.id);
          return this.#halt.noteError(error);
        }),
      );
      if (answered) await this.#settleAnswer(write, answered);
    } catch (error) {
      if (error instanceof QuestionFailed) throw error.cause;
      this.#halt.noteError(error);
    }
  }

  /** Null: there is no answer to settle. */
  async #claimAndSend(write: OpenWrite): Promise<Answered | null> {
    const { rateLimiter } = this.#deps;
    const definition = definitionOf(this.#definition, write);
    const send = (held: HeldWrite) =>
      this.#send(write, definition, held).catch((error: unknown) => this.#halt.noteError(error));
    if (definition.claimAhead) {
      const held = await this.#claim(write, definition);
      return held && rateLimiter.withRequestSlot(() => send(held));
    }
    return rateLimiter.withRequestSlot(async () => {
      const held = await this.#claim(write, definition);
      return held && send(held);
    });
  }

  /** Null: it is not to be sent now. */
  async #claim(write: OpenWrite, definition: WriteDefinition): Promise<HeldWrite | null> {
    if (Date.now() > this.#claimsUntil) this.halt('late');
    const { claimsNothing, spacingWait } = this.#halt;
    if (claimsNothing) return null;
    if (definition.spacing && spacingWait) throw spacingWait;
    if (!definition.repeatable || failsRepeatedly(write)) await this.#probe(write.kind, definition);
    await this.#askBeforeClaim(write, definition);
    const claimed = await this.#attempts.claim(this.#run.run_no, write.id, definition);
    if (claimed.verdict === 'paused' || claimed.verdict === 'stopped') this.halt(claimed.verdict);
    if (claimed.verdict === 'leased') this.#leasedForMs = Math.max(this.#leasedForMs, claimed.waitMs);
    if (claimed.verdict !== 'held') return null;
    this.#deps.onClaimed();
    const held = claimed.write;
    if (maySend(write, held, definition.repeatable)) return held;
    await this.#leaveInDoubt(write, held);
    return null;
  }

  /** It has left, and no repeat would show more. */
  async #askAbout(write: OpenWrite, held: HeldWrite, why: string): Promise<void> {
    await this.#attempts.markSent({ id: write.id, fence: held.fence });
    await this.#leaveInDoubt(write, held, why);
  }

  async #leaveInDoubt(write: OpenWrite, { fence }: HeldWrite, why?: string): Promise<void> {
    await this.#settlement.leaveInDoubt(write, fence, why);
    this.#halt.noteInDoubt();
  }

  async #askBeforeClaim(write: OpenWrite, { beforeClaim }: WriteDefinition): Promise<void> {
    await beforeClaim?.(this.#run, write, this.#halt.signal).catch((error: unknown) => {
      throw new QuestionFailed(error);
    });
  }

  /** Throws if CXone does not answer: then the page ends, and Temporal's backoff waits out the outage. */
  #probe(kind: string, definition: WriteDefinition): Promise<void> {
    const known = this.#probes.get(kind);
    if (known) return known;
    const probe = this.#deps.rateLimiter.sendWithPermit(
      () => definition.probe.request(this.#run),
      this.#halt.signal,
    );
    this.#probes.set(kind, probe);
    return probe;
  }

  async #send(write: OpenWrite, definition: WriteDefinition, held: HeldWrite): Promise<Answered | null> {
    const startedAt = performance.now();
    const attempt = toAttempt(this.#run, write, definition, held, this.#attempts);
    // A batch is divided first.
    const giveUpAlone = (error: CxoneError) => {
      const given = write.seqs.length === 1 ? definition.giveUp?.(attempt, error) : undefined;
      return given && withoutPersons(given, attempt, this.#definition);
    };
    const result = await this.#attempts.send(held, definition, () => sendThroughGate(definition, attempt), {
      leaveInDoubt: (why) => this.#leaveInDoubt(write, held, why),
      giveUp: async (error) => {
        if (this.#halt.asksAbout(error)) await this.#askAbout(write, held, error.message);
        else if (!attempt.alwaysFails(error)) return null;
        else if (definition.repeatsOnlyWhole && mayBeAppliedAfter(write, error))
          await this.#askAbout(write, held, describeGivenUp(write, error));
        else await this.#settlement.giveUp(write, held.fence, error, giveUpAlone(error));
        return 'settled';
      },
    });
    if (result.kind === 'unsent') {
      this.#recordUnsent(result.error);
      return null;
    }
    if (result.kind === 'left') return null;
    if (result.kind !== 'answered') {
      this.#halt.noteFailure(result.error, definition.repeatable);
      return null;
    }
    const { answer, latencyMs } = result;
    if (answer.interruptedBy) await this.#attempts.applyRateLimit(answer.interruptedBy, startedAt);
    return { answer: withoutPersons(answer, attempt, this.#definition), latencyMs, fence: held.fence };
  }

  /** Most often another worker has the write, or the page stops. A gate that could not look consent up is a failure. */
  #recordUnsent(error: Error): void {
    if (error instanceof GateInterrupted && error.cause) this.#halt.noteFailure(error.cause);
  }

  async #settleAnswer(write: OpenWrite, { answer, fence, latencyMs }: Answered): Promise<void> {
    try {
      await this.#settlement.settle(write, fence, answer, latencyMs);
    } catch (error) {
      await this.#attempts.markSent({ id: write.id, fence });
      throw error;
    }
    this.#halt.noteAnswer(answer);
  }
}
