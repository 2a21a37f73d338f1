/** What the activities of an email send need, and what can be set about them. */
import type { Cxone } from '../../cxone/cxone.ts';
import type { WebhookAddresses } from '../../domain/email-address.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { RateLimiter } from '../engine/rate-limiter.ts';

export interface EmailSettings {
  /** CXFLOW_EMAIL_PER_REQUEST: recipients of one request, 1 to 1,000. */
  readonly recipientsPerRequest: number;
  /** CXFLOW_EMAIL_DAILY_LIMIT: messages of a day, all runs and workers of the tenant together. */
  readonly dailyLimit: number;
  /** CXFLOW_TIME_ZONE: IANA name of the zone in which days begin. */
  readonly timeZone: string;
  /** CXFLOW_EMAIL_LOOKUPS_MAX_AGE: what was looked up about a recipient counts for so long. */
  readonly lookupsMaxAgeMs: number;
  /** CXONE_EMAIL_IDEMPOTENT: CXone answers a repeated `X-Idempotency-Key` with the first job. */
  readonly isIdempotent: boolean;
  /** CXFLOW_WEBHOOK_ADDRESSES */
  readonly webhookAddresses: WebhookAddresses;
}

export interface EmailSendDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  readonly rateLimiter: RateLimiter;
  /** Aborted when the worker is shutting down. */
  readonly draining: AbortSignal;
  /** CXONE_IDEMPOTENCY_HOURS */
  readonly keyLifeMs: number;
  readonly email: EmailSettings;
  /** Does anybody receive the events about jobs? */
  readonly hasSubscriber: boolean;
}
