/** What the methods of a client throw, besides the errors of Temporal and of the ledger. */

/** The caller's input is wrong: every problem, each naming its field. Nothing was started. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The run refused a decision and did not change. The message says why. */
export class DecisionRefused extends Error {
  override readonly name = 'DecisionRefused';
}

/** Neither Temporal nor the ledger has a run with this id. */
export class RunNotFound extends Error {
  override readonly name = 'RunNotFound';
  constructor(runId: string) {
    super(`there is no run ${runId}; \`cxflow runs\` lists the existing ones`);
  }
}

/** No worker answered in time. The request may still be executed when a worker is running. */
export class NoWorkerAnswered extends Error {
  override readonly name = 'NoWorkerAnswered';
  /** `busy`: one was seen shortly before, so it is busy or has just stopped. */
  readonly worker: 'none' | 'busy';
  constructor(worker: 'none' | 'busy', message: string) {
    super(message);
    this.worker = worker;
  }
}

/** The run had no plan yet when the time was over. It goes on, and may be waited for again. */
export class NotPlannedInTime extends Error {
  override readonly name = 'NotPlannedInTime';
  /** `phase`: null if no worker has opened the run. */
  constructor(runId: string, phase: string | null) {
    const why = phase === null ? 'no worker has begun it' : `it is still ${phase.replaceAll('_', ' ')}`;
    super(
      `run ${runId} has no plan yet (${why}); wait longer, or see what keeps it: cxflow watch '${runId}'`,
    );
  }
}

/** A worker executed the request and it failed. `type` is that of the failure; the message says what to do. */
export class NotDone extends Error {
  override readonly name = 'NotDone';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}
