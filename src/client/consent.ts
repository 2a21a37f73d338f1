/** Eligibility checks and the erasure of a data subject. */
import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  checkEligibilityCheck,
  checkEligibilityList,
  checkErasure,
  type Eligibility,
  type EligibilityCheckInput,
  type EligibilityListInput,
  type EligibilityListResult,
  type ErasureInput,
  type ErasureResult,
} from '../contract/consent.ts';
import { omitUndefined } from '../domain/absent.ts';
import { contactIdProblem } from '../domain/contact-id.ts';
import { TEXT_RULES, textProblem } from '../domain/text.ts';
import type { EligibilityResult } from '../ledger/consent/eligibility-results.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ClientDeps } from './deps.ts';
import { InputError } from './errors.ts';
import { executeRequest, newRequestId, requireRunId, requireValid } from './requests.ts';

export interface ErasureRequest {
  readonly contactId: string;
  readonly requestedBy?: string;
}

export interface ConsentClient {
  /**
   * Whether a contact may be reached on a channel now: the preference in CXone and our own suppression list, judged by
   * the rules (docs/cxone-contract.md#eligibility). Without an answer from CXone the contact is not eligible, with the
   * reason `consent_unavailable`.
   *
   * ```ts
   * const { eligible, reason, facts } = await cxflow.checkEligibility({ contactId, channel: 'email' });
   * ```
   *
   * The answer is valid at `checkedAt` only, so check right before each contact. Throws InputError, NoWorkerAnswered,
   * and NotDone if CXone refuses the credentials. Treat an error as not eligible.
   */
  checkEligibility(input: EligibilityCheckInput): Promise<Eligibility>;

  /**
   * Checks every row of a dataset and waits for all of them, which can take hours, because each row takes a request to
   * CXone. `eligibility(checkId)` lists the answers. Throws as checkEligibility does.
   */
  checkEligibilityList(input: EligibilityListInput, checkId?: string): Promise<EligibilityListResult>;

  /** A new id for `checkEligibilityList`, for reading its progress from the ledger. */
  newCheckId(): string;

  /** Stops a check of a dataset. The answers that it already has are kept. */
  cancelEligibilityList(checkId: string): Promise<void>;

  /** The answer for each row, in the order of the rows. */
  eligibility(checkId: string): AsyncIterable<EligibilityResult>;

  /**
   * Erases a data subject from the ledger: staged rows, staged files, and the key of their proof of consent. Their
   * objection is kept as a keyed hash, dated with the time of this call. Repeat it when the runs in `waitingFor` have ended.
   */
  erase(request: ErasureRequest): Promise<ErasureResult>;

  /** What `erase` would do now. Changes nothing, and needs no worker. */
  previewErasure(request: Pick<ErasureRequest, 'contactId'>): Promise<ErasureResult>;
}

/** @internal */
export function createConsentClient({
  temporal,
  ledger,
}: Pick<ClientDeps, 'temporal' | 'ledger'>): ConsentClient {
  return {
    checkEligibility: (input) => checkOne(temporal, input),
    checkEligibilityList: (input, checkId = newRequestId(LIST_CHECK)) => checkList(temporal, input, checkId),
    newCheckId: () => newRequestId(LIST_CHECK),
    async cancelEligibilityList(checkId) {
      await temporal.workflow.getHandle(requireRunId(checkId)).cancel();
    },
    eligibility: (checkId) => ledger.eligibilityResults.list(requireRunId(checkId)),
    erase: (request) => erase(temporal, ledger, request),
    previewErasure: ({ contactId }) => ledger.erasures.preview(requireContactId(contactId)),
  };
}

const LIST_CHECK = 'eligibility-list';

async function checkOne(temporal: Client, input: EligibilityCheckInput): Promise<Eligibility> {
  return executeRequest(temporal, {
    type: 'eligibilityCheck',
    workflowId: newRequestId('eligibility-check'),
    input: requireValid(checkEligibilityCheck(input)),
    // Longer than the workflow waits for CXone.
    timeout: '2 minutes',
  });
}

async function checkList(
  temporal: Client,
  input: EligibilityListInput,
  checkId: string,
): Promise<EligibilityListResult> {
  const checked = requireValid(checkEligibilityList(input));
  return executeRequest(temporal, {
    type: 'eligibilityList',
    workflowId: requireRunId(checkId),
    input: checked,
  });
}

/** One that several people may share would erase all of them. */
function requireContactId(contactId: string): string {
  const problem = textProblem(contactId, TEXT_RULES.value);
  if (problem !== null) throw new InputError([`contactId ${problem}`]);
  const unusable = contactIdProblem(contactId);
  if (unusable !== null)
    throw new InputError([`contactId: ${unusable.message ?? 'it has no character that can be seen'}`]);
  return contactId;
}

/** The contact id travels through the ledger, so that it never appears in Temporal's history. */
async function erase(
  temporal: Client,
  ledger: Ledger,
  { contactId, requestedBy }: ErasureRequest,
): Promise<ErasureResult> {
  requireContactId(contactId);
  // Before anything is stored that names the contact.
  requireValid(checkErasure({ dataset: 'erasure', ...omitUndefined({ requestedBy }) }));
  // The nonce keeps the hash of the dataset from revealing the contact id.
  const row = { contactId, nonce: randomBytes(16).toString('hex') };
  const line = Buffer.from(`${JSON.stringify(row)}\n`);
  const dataset = await ledger.datasets.stage('erasure', 'ndjson', once(line));
  const input: ErasureInput = { dataset: dataset.id, ...omitUndefined({ requestedBy }) };
  return executeRequest(temporal, { type: 'erasure', workflowId: newRequestId('erasure'), input });
}

async function* once(bytes: Buffer): AsyncIterable<Buffer> {
  await Promise.resolve();
  yield bytes;
}
