/** Consent: eligibility checks of one contact or of a list, and the erasure of a data subject. */
import {
  CHANNELS,
  type Channel,
  CONSENT_POLICIES,
  type ConsentPolicy,
} from '../domain/consent/eligibility.ts';
import {
  type Checked,
  type ChecksOf,
  checkFields,
  columnMap,
  identifier,
  idText,
  nameText,
  oneOf,
} from './input.ts';

export type { Channel, ConsentPolicy, Eligibility } from '../domain/consent/eligibility.ts';
export type { ErasureResult } from '../domain/consent/erasure.ts';

/** May this contact be reached on this channel now? `optInStatus` and `timeZone` count under the policy `strict` only. */
export interface EligibilityCheckInput {
  /** A GUID. */
  readonly contactId: string;
  readonly channel: Channel;
  readonly policy?: ConsentPolicy;
  readonly optInStatus?: 'confirmed' | 'pending';
  /** IANA name, e.g. `America/New_York`. */
  readonly timeZone?: string;
}

/** The same for every row of a dataset with the column `contactId` and optionally `channel`, `optInStatus`, `timeZone`. */
export interface EligibilityListInput {
  /** Id of a dataset that the client staged. */
  readonly dataset: string;
  /** Field → column, for columns with other names. */
  readonly map?: Readonly<Record<string, string>>;
  /** For all rows, whatever their columns say. Default: each row names its own. */
  readonly channel?: Channel;
  readonly policy?: ConsentPolicy;
}

/** The answer for each row is in the ledger under the workflow's id. */
export interface EligibilityListResult {
  readonly checkId: string;
  readonly eligible: number;
  /** Reason → number of rows. */
  readonly ineligible: Readonly<Record<string, number>>;
  readonly ruleVersion: string;
  readonly policy: ConsentPolicy;
}

/** Erases a data subject from the ledger. The id is in a dataset of one row, so that Temporal's history never contains it. */
export interface ErasureInput {
  /** Id of an NDJSON dataset with one row: `contactId`. It is erased with the rest. */
  readonly dataset: string;
  readonly requestedBy?: string;
}

export function checkEligibilityCheck(value: unknown): Checked<EligibilityCheckInput> {
  const fields = {
    contactId: identifier,
    channel: oneOf(...CHANNELS),
    policy: oneOf(...CONSENT_POLICIES),
    optInStatus: oneOf('confirmed', 'pending'),
    timeZone: nameText,
  } satisfies ChecksOf<EligibilityCheckInput>;
  return checkFields(value, fields, ['contactId', 'channel']);
}

export function checkEligibilityList(value: unknown): Checked<EligibilityListInput> {
  const fields = {
    dataset: idText,
    map: columnMap,
    channel: oneOf(...CHANNELS),
    policy: oneOf(...CONSENT_POLICIES),
  } satisfies ChecksOf<EligibilityListInput>;
  return checkFields(value, fields, ['dataset']);
}

export function checkErasure(value: unknown): Checked<ErasureInput> {
  const fields = { dataset: idText, requestedBy: nameText } satisfies ChecksOf<ErasureInput>;
  return checkFields(value, fields, ['dataset']);
}
