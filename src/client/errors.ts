/** What a client's calls can end with, beside the errors of Temporal and of the ledger. */

/** A caller's mistake: every problem, each naming its field. Nothing was started. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** The run refused a decision, and why: nothing has changed. */
export class DecisionRefused extends Error {
  override readonly name = 'DecisionRefused';
}

/** No run of that id, neither in Temporal nor in the ledger. */
export class RunNotFound extends Error {
  override readonly name = 'RunNotFound';
  constructor(runId: string) {
    super(`there is no run ${runId}; \`cxflow runs\` lists those that there are`);
  }
}

/** No worker answered in time; what was asked may still happen once one is there. */
export class NoWorkerAnswered extends Error {
  override readonly name = 'NoWorkerAnswered';
}

/** A worker took it up and could not do it; `type` is the failure's (contract.ts), the message says what to do. */
export class NotDone extends Error {
  override readonly name = 'NotDone';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}
