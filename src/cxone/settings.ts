/** What the SDK is told about a tenant. Structural types: this folder imports nothing of the project. */

export const FAMILIES = ['preferences', 'contactlists', 'lists', 'outbound', 'email'] as const;
/** A part of the API with its own host, token endpoint and scopes (cxone-api.md "Hosts and tokens"). */
export type Family = (typeof FAMILIES)[number];

export interface FamilySettings {
  /** Origin, with a path prefix perhaps; `''` = not configured. */
  readonly url: string;
  readonly tokenUrl: string;
  readonly clientId: string | null;
  readonly clientSecret: { reveal(): string } | null;
  readonly scopes: readonly string[];
  readonly tokenAuth: 'basic' | 'form';
  readonly refreshBeforeExpirySeconds: number;
}

/** Of whole requests, body read. cxone-api.md "What every answer means". */
export interface Deadlines {
  readonly tokenMs: number;
  /** Reads, POSTs and PUTs. */
  readonly requestMs: number;
  /** The campaign PATCH (S3). */
  readonly campaignMs: number;
}
export const DEADLINES: Deadlines = { tokenMs: 10_000, requestMs: 15_000, campaignMs: 20_000 };

/** One HTTP request that had an answer or failed. `path` is the template: no ids, no personal data. */
export interface RequestFacts {
  readonly family: Family;
  readonly verb: string;
  readonly path: string;
  /** null: no answer came. */
  readonly status: number | null;
  readonly latencyMs: number;
}
