/** Which error an outcome of HTTP becomes (docs/cxone-contract.md#what-every-answer-means). */
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

/** Statuses that say that CXone did nothing; 401, 403, 404 and 429 say so too, but have errors of their own. */
const REFUSALS: ReadonlySet<number> = new Set([400, 409, 413, 422]);

/**
 * For outcomes that are neither successes nor expected by the caller.
 * @param ifUnknown `applied` of the error if the outcome does not say whether the request was applied; `no` for requests
 * that change nothing
 */
export function toError(
  outcome: HttpOutcome,
  context: RequestContext,
  settings: FamilySettings,
  ifUnknown: Applied,
): CxoneError {
  if (outcome.kind === 'none') {
    const { reason, code, sent } = outcome;
    return new CxoneNoAnswer(context, reason, code, sent ? ifUnknown : 'no', sent);
  }
  const { status, headers } = outcome;
  const waitMs = retryAfterMs(headers['retry-after'], headers['date'], Date.now());
  if (status >= 500 || status === 408 || status === 425)
    return new CxoneUnavailable(context, waitMs, ifUnknown);
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
      return REFUSALS.has(status) ? new CxoneRefused(context) : notInContract(status, context, ifUnknown);
  }
}

/** 3xx, other 4xx: they may come from something between us and CXone, after CXone has carried out the request. */
function notInContract(status: number, context: RequestContext, applied: Applied): CxoneRefused {
  const what =
    status < 400 ? `redirected (${status}), which is not followed` : `unexpected status (${status})`;
  const effect = applied === 'no' ? '' : '; it may have been carried out';
  return new CxoneRefused(context, `${what}${effect}`, applied);
}
