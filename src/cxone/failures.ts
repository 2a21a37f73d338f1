/** HTTP's facts → our errors: the one table (cxone-api.md "What every answer means"). */
import {
  type Applied,
  type CxoneError,
  CxoneForbidden,
  CxoneNoAnswer,
  CxoneNotFound,
  CxoneRateLimited,
  CxoneRefused,
  CxoneUnauthorized,
  CxoneUnavailable,
  type RequestContext,
} from './errors.ts';
import type { HttpOutcome } from './http.ts';
import { retryAfterMs } from './retry-after.ts';
import type { FamilySettings } from './settings.ts';

/**
 * For every outcome that is no success and that the caller does not expect. `ifDone` is what to say where nobody knows
 * whether the request was carried out: `no` for those that change nothing.
 */
export function errorOf(
  outcome: HttpOutcome,
  context: RequestContext,
  settings: FamilySettings,
  ifDone: Applied,
): CxoneError {
  if (outcome.kind === 'none') {
    return new CxoneNoAnswer(context, outcome.reason, outcome.code, outcome.sent ? ifDone : 'no');
  }
  const { status, headers } = outcome;
  const waitMs = retryAfterMs(headers['retry-after'], headers['date'], Date.now());
  if (status >= 500 || status === 408 || status === 425) return new CxoneUnavailable(context, waitMs, ifDone);
  switch (status) {
    case 401:
      return new CxoneUnauthorized(context, 'api');
    case 403:
      return new CxoneForbidden(context, settings.scopes);
    case 404:
      return new CxoneNotFound(context);
    case 429:
      return new CxoneRateLimited(context, waitMs);
    default:
      return new CxoneRefused(context);
  }
}
