/** The steps of a run; each operation's workflow calls them in its own order. */
import type { PageResult } from '../../activities/engine/page-worker.ts';
import type { Plan } from '../../activities/engine/plan.ts';
import type { InDoubt } from '../../activities/engine/runs.ts';
import { type Decision, MAX_LISTED_IN_DOUBT } from '../../contract/steering.ts';
import { plural } from '../../domain/numbers.ts';
import { outcomesOf } from '../../domain/run.ts';
import { LATEST_TIMESTAMP } from '../../domain/timestamps.ts';
import { ledger, ledgerScans, MAX_OPEN_PAGES } from '../policies.ts';
import { interruptible, isHistoryLong, waitInPhase, waitUntil } from './hand-over.ts';
import { writePages } from './pages.ts';
import type { Run } from './run.ts';

/** Creates the run in the ledger. Fails with AlreadyRun if a run with this id has ended before. */
export async function open(run: Run): Promise<void> {
  const { runId, kind, target, title, input } = run;
  const opened = await ledger.openRun.executeWithOptions({ summary: title }, [
    { runId, kind, target, input },
  ]);
  run.markOpen(opened);
  await run.enter('staging');
}

/** Reads the rows of the source into the ledger, and checks each of them. */
export async function stage({ runId, target }: Run): Promise<void> {
  await ledgerScans.stageRecords.executeWithOptions({ summary: `read the source for ${target}` }, [runId]);
}

/** Counts what is going to be written, and cuts it into batches. */
export async function plan(run: Run): Promise<void> {
  await run.enter('planning');
  const summary = 'count, cut into batches';
  setPlan(run, await ledgerScans.planWrites.executeWithOptions({ summary }, [run.runId]));
}

function setPlan(run: Run, plan: Plan): void {
  run.plan = plan;
  run.counts = { total: plan.total, pending: plan.toWrite, ...outcomesOf(plan) };
  run.show();
}

/**
 * Waits for approval if the input requires it. An approved plan is checked once more, since days may have passed: if it is made
 * anew, its approval is void, and the new one waits for approval.
 */
export async function approve(run: Run): Promise<'approved' | 'rejected'> {
  while ((await awaitApproval(run)) === 'approved') {
    if (!run.needsApproval || !run.plan?.isChecked || !(await planAgain(run))) return 'approved';
  }
  return 'rejected';
}

/** False: the plan stays as it is. */
async function planAgain(run: Run): Promise<boolean> {
  const { runId, plan: approved } = run;
  if (!approved) throw new TypeError('nothing can be approved before it is planned');
  await run.enter('planning');
  const summary = 'does the approved plan still hold?';
  const plan = await ledgerScans.replanWrites.executeWithOptions({ summary }, [
    { runId, planHash: approved.hash },
  ]);
  if (plan === null) return false;
  run.steering.dropApproval();
  setPlan(run, plan);
  return true;
}

/** Waits for approval if the input requires it. Without an answer by the deadline the plan counts as rejected. */
export async function awaitApproval(run: Run): Promise<'approved' | 'rejected'> {
  if (run.needsApproval)
    await run.enter('awaiting_approval', `approval or rejection of plan ${run.plan?.hash ?? ''}`);
  run.steering.submitKeptApproval();
  if (!run.needsApproval) return 'approved';
  const isAnswered = () => {
    const { approved, rejected } = run.steering.decisions();
    return approved !== null || rejected !== null;
  };
  await waitInPhase(run, {
    isMet: isAnswered,
    deadline: run.input.approvalDeadline,
    summary: 'approval deadline',
  });
  return run.steering.decisions().approved ? 'approved' : 'rejected';
}

/** Writes all pages. Returns false if the history has become too long: the run must continue as new. */
export async function write(run: Run): Promise<boolean> {
  await run.enter('writing');
  run.writingBegan = { at: Date.now(), pending: run.counts.pending };
  return writeFrom(run, run.cursor);
}

async function writeFrom(run: Run, cursor: number): Promise<boolean> {
  await pauseIfLate(run);
  if (!run.plan) throw new TypeError('nothing can be written before it is planned');
  const { pageBatches, openPages = MAX_OPEN_PAGES } = run.plan;
  const batches = run.lastBatch ?? run.plan.batches;
  run.cursor = await writePages({
    runId: run.runId,
    batches,
    pageBatches,
    openPages,
    cursor,
    isPaused: () => run.isPaused(),
    isStopped: () => run.isEnding(),
    asksAfter: () => run.asksAfter,
    seen: () => run.seen,
    onOpened: (lastBatch) => run.noteSeen({ lastBatch }),
    interruptible: (call) => interruptible(run, call),
    async onResult(page) {
      updateCounts(run, page);
      await pauseIfNeeded(run, page);
      await pauseIfLate(run, page.halted === 'late');
    },
  });
  if (run.isEnding()) await run.scope.cancelRequested;
  return run.cursor > batches;
}

/** Less would be within what clocks differ by. */
const MIN_WAIT_MS = 5_000;

/**
 * If writes were left for later, waits until the first of them may be tried, and returns true: then all pages are to be
 * written once more. Returns false if there are none.
 */
export async function waitForWrites(run: Run): Promise<boolean> {
  const { notBefore, counts } = run;
  if (notBefore === null) return false;
  run.writingBegan = null;
  await run.enter('writing', describeNotBefore(notBefore, counts.pending));
  const until = Math.max(Date.parse(notBefore), Date.now() + MIN_WAIT_MS);
  await waitUntil(run, until, `${plural(counts.pending, 'record')} not before ${notBefore}`);
  Object.assign(run, { notBefore: null, cursor: 1 });
  return true;
}

function describeNotBefore(notBefore: string, pending: number): string {
  const records = plural(pending, 'record');
  return notBefore === LATEST_TIMESTAMP
    ? `a decision about ${records} for which no permitted time is known: cancel the run to end it`
    : `${notBefore}, the first time at which some of the last ${records} may be written`;
}

function updateCounts(run: Run, { counts, notBefore, claims = 0 }: PageResult): void {
  run.noteSeen({ claims });
  if (notBefore !== undefined && (run.notBefore === null || notBefore < run.notBefore))
    run.notBefore = notBefore;
  // More may be pending than before, because messages are to be sent again.
  run.setCounts(counts);
}

/** What happens again and again needs a person. */
async function pauseIfNeeded(run: Run, { halted, lost }: PageResult): Promise<void> {
  if (lost) run.lostInARow = (lost.afterAnswer ? 0 : run.lostInARow) + lost.inARow;
  if (halted === 'refused') {
    await run.pause('CXone refuses one write after the other; find out why, then resume, or cancel the run');
  } else if (lost && run.lostInARow >= lost.limit) {
    const { lostInARow } = run;
    run.lostInARow = 0;
    await run.pause(
      `the answers to ${plural(lostInARow, 'write')} in a row were lost; look at them (cxflow show), then resume, or cancel the run`,
    );
  }
}

/** Asks once. Whoever resumes the run has decided that the rest is sent late. `isFound`: by a worker, whose clock may be ahead. */
async function pauseIfLate(run: Run, isFound = false): Promise<void> {
  if (run.asksAfter === null) return;
  if (!isFound && (Date.now() <= run.asksAfter || run.counts.pending === 0)) return;
  run.asksAfter = null;
  await run.pause(
    'the time by which everything was to be sent is over; resume to send the rest late, or cancel the run',
  );
}

/**
 * Settles writes whose answer was lost and that are not safe to repeat, as an operator or the policy decides. Returns
 * false if the history became too long meanwhile: the run must continue as new.
 */
export async function resolveInDoubt(run: Run): Promise<boolean> {
  run.inDoubt = await listInDoubt(run);
  while (run.inDoubt.length > 0) {
    const resend = await applyResolutions(run);
    if (resend && !(await writeAgain(run))) return false;
    run.inDoubt = await listInDoubt(run);
    if (run.inDoubt.length > 0 && isHistoryLong()) return false;
  }
  run.resumes = {};
  return true;
}

function listInDoubt({ runId }: Run): Promise<InDoubt[]> {
  return ledger.listInDoubt.executeWithOptions({ summary: 'writes whose answer was lost' }, [runId]);
}

/** Applies every resolution that has arrived before a page is opened. Returns whether any write is to be sent again. */
async function applyResolutions(run: Run): Promise<boolean> {
  let resend = false;
  do {
    const resolution = await nextResolution(run);
    const { verdict = 'leave' } = resolution.decision;
    await ledger.resolveInDoubt.executeWithOptions({ summary: verdict }, [
      { runId: run.runId, ...resolution },
    ]);
    resend ||= verdict === 'resend';
    // What is left goes to the next execution.
  } while (run.steering.hasResolution() && !isHistoryLong());
  return resend;
}

interface Resolution {
  readonly decision: Decision;
  /** Applies only to writes that have not been sent again yet. */
  readonly firstTimeOnly?: true;
}

/**
 * The policy `resend` permits one more attempt per write. If that answer is lost too, something delivers the requests and
 * drops the answers, and every further attempt could reach the same people again; then an operator decides. So it is after the
 * ledger was restored, when most of these writes were sent, and answered.
 */
async function nextResolution(run: Run): Promise<Resolution> {
  const { onInDoubt = 'ask', inDoubtDeadline } = run.input;
  const reason = 'onInDoubt of the input';
  if (onInDoubt === 'leave') return { decision: { action: 'resolve', verdict: 'leave', reason } };
  if (onInDoubt === 'resend' && run.inDoubt.some(({ resent, afterRestore }) => !resent && !afterRestore))
    return { decision: { action: 'resolve', verdict: 'resend', reason }, firstTimeOnly: true };
  const { length } = run.inDoubt;
  const writes = length === MAX_LISTED_IN_DOUBT ? `${length} or more writes` : plural(length, 'write');
  // What an earlier execution has handed over was sent to a run in this phase, so it is judged in it.
  if (run.phase !== 'in_doubt' || !run.steering.hasResolution())
    await run.enter('in_doubt', `a decision about ${writes} in doubt`);
  await waitInPhase(run, {
    isMet: () => run.steering.hasResolution(),
    deadline: inDoubtDeadline,
    summary: 'deadline for writes in doubt',
  });
  const byDeadline: Decision = {
    action: 'resolve',
    verdict: 'leave',
    reason: 'inDoubtDeadline of the input',
  };
  return { decision: run.steering.takeResolution() ?? byDeadline };
}

/** Goes through all pages once more, because writes to be sent again stay in their batches. Returns as `write` does. */
async function writeAgain(run: Run): Promise<boolean> {
  run.resumes = {};
  await run.enter('writing');
  return writeFrom(run, 1);
}
