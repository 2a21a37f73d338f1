/** What the client needs to know about a tenant, and how long it waits for answers. */
import type { Family, FamilyFacts } from './families.wire.ts';

export interface FamilySettings extends Omit<FamilyFacts, 'tokenPath'> {
  /** Origin, possibly with a path prefix, without a trailing slash. `''`: not configured; calling the family fails. */
  readonly url: string;
  /** Where people set the address, e.g. `CXONE_INSTANCE or CXONE_OUTBOUND_URL`; `''`: it has one without. */
  readonly addressSettings: string;
  readonly tokenUrl: string;
  readonly clientId: string | null;
  readonly clientSecret: { reveal(): string } | null;
}

/** Of most requests, from the start until the whole body has arrived (docs/cxone-contract.md#deadlines-and-limits). */
export interface Deadlines {
  readonly tokenMs: number;
  /** Reads, POSTs and PUTs. */
  readonly requestMs: number;
  /** The PATCH of a campaign. */
  readonly campaignMs: number;
  /** Of an answer that is read in parts: until its beginning has arrived, and from each part to the next. */
  readonly partMs: number;
}
export const DEADLINES: Deadlines = {
  tokenMs: 10_000,
  requestMs: 15_000,
  campaignMs: 20_000,
  partMs: 60_000,
};

/** One HTTP request, reported once it was answered or has failed. */
export interface RequestFacts {
  readonly family: Family;
  readonly verb: string;
  /** The path template, which holds no ids and no personal data. */
  readonly path: string;
  /** null: no answer arrived. */
  readonly status: number | null;
  readonly latencyMs: number;
}
