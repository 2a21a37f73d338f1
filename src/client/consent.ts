/** The part of the client that asks about consent, and takes a person out: each a small workflow, awaited. */
import { randomBytes } from 'node:crypto';
import { ApplicationFailure, type Client, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import { InputError, NotDone, NoWorkerAnswered } from './errors.ts';
import {
  checkEligibilityCheck,
  checkEligibilityList,
  type Eligibility,
  type EligibilityCheckInput,
  type EligibilityListInput,
  type EligibilityListResult,
  type ErasureResult,
  type ErasureInput,
} from '../contract/consent.ts';
import { TASK_QUEUE } from '../contract/run.ts';
import type { Checked } from '../contract/input.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** Longer than the workflow's own patience with CXone. */
const ANSWER_WITHIN = '2 minutes';

export interface ConsentClientDeps {
  readonly temporal: Client;
  readonly ledger: Ledger;
}

export interface ErasePersonRequest {
  readonly contactId: string;
  readonly requestedBy?: string;
}

export function createConsentClient({ temporal, ledger }: ConsentClientDeps) {
  const ask = async <T>(type: string, workflowId: string, input: unknown, limits = {}): Promise<T> => {
    try {
      const asked = { taskQueue: TASK_QUEUE, workflowId, args: [input], ...limits };
      return (await temporal.workflow.execute(type, asked)) as T;
    } catch (error) {
      throw translate(error, type);
    }
  };

  return {
    /**
     * May this contact be reached on this channel now? CXone's preference and our own suppression list, judged by the
     * rules of `domain/consent/eligibility.ts`. What is not to be had is not eligible, with the reason `consent_unavailable`.
     *
     * ```ts
     * const { eligible, reason, facts } = await cxflow.checkEligibility({ contactId, channel: 'email' });
     * ```
     *
     * Ask right before reaching somebody, and again the next time: the answer is of its moment (`checkedAt`).
     * Throws InputError; NoWorkerAnswered; NotDone where CXone refuses the credentials. Whatever is thrown: not eligible.
     */
    async checkEligibility(input: EligibilityCheckInput): Promise<Eligibility> {
      const checked = fine(checkEligibilityCheck(input));
      const limits = { workflowExecutionTimeout: ANSWER_WITHIN };
      return ask('eligibilityCheck', newId('eligibility-check'), checked, limits);
    },

    /**
     * The same of every row of a dataset; waits for all of them, hours for many: a look-up is a request. What each row
     * came to: `eligibility(checkId)`. Throws as checkEligibility does.
     */
    async checkEligibilityList(
      input: EligibilityListInput,
      checkId = newId('eligibility-list'),
    ): Promise<EligibilityListResult> {
      return ask('eligibilityList', checkId, fine(checkEligibilityList(input)));
    },

    /** A fresh id for `checkEligibilityList`, to look at its progress with. */
    newCheckId: (): string => newId('eligibility-list'),

    /** Ends a check of a dataset: nobody else is asked. The answers that it has stay. */
    async cancelEligibilityList(checkId: string): Promise<void> {
      await temporal.workflow.getHandle(checkId).cancel();
    },

    /** Row by row, in order: number of the row, eligible or not, the reason. */
    eligibility: (checkId: string) => ledger.eligibilityResults.list(checkId),

    /**
     * Takes one person out of the ledger: staged rows, handed-over files, whose proof of consent is whose. Keeps the
     * objection, as a keyed hash. Repeat it once the runs of `waitingFor` have ended.
     */
    async erase({ contactId, requestedBy }: ErasePersonRequest): Promise<ErasureResult> {
      if (contactId.trim() === '') throw new InputError(['contactId must be a text']);
      // Through the ledger, not through Temporal's history; the random number hides even the hash of the id.
      const row = { contactId, nonce: randomBytes(16).toString('hex') };
      const line = Buffer.from(`${JSON.stringify(row)}\n`);
      const dataset = await ledger.datasets.stage('erasure', 'ndjson', once(line));
      const input: ErasureInput = { dataset: dataset.id, ...(requestedBy !== undefined && { requestedBy }) };
      return ask('erasure', newId('erasure'), input);
    },
  };
}

async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  await Promise.resolve();
  yield bytes;
}

function newId(prefix: string): string {
  return `${prefix}:${randomBytes(8).toString('hex')}`;
}

function fine<T>(checked: Checked<T>): T {
  if ('problems' in checked) throw new InputError(checked.problems);
  return checked.input;
}

function translate(error: unknown, type: string): Error {
  if (!(error instanceof WorkflowFailedError))
    return error instanceof Error ? error : new Error(String(error));
  const { cause } = error;
  if (cause instanceof TimeoutFailure)
    return new NoWorkerAnswered(`no worker answered; is one running? (\`cxflow worker\`)`);
  const failure = [cause, cause?.cause].find((each) => each instanceof ApplicationFailure);
  if (failure instanceof ApplicationFailure) return new NotDone(failure.type ?? type, failure.message);
  return new NotDone(type, cause?.message ?? error.message);
}
