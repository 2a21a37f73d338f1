/**
 * What can go wrong with one request to CXone, in terms of HTTP. Each error has family, verb, URL, status and request id,
 * and whether CXone may have applied the request. None contains a body, a token, a header or axios's own error: errors
 * get logged and serialised, and axios's contain the token and the whole request
 * (docs/adr/0020-one-attempt.md#errors-carry-no-payload).
 */
import type { Family } from './families.wire.ts';

export interface RequestContext {
  readonly family: Family;
  readonly verb: string;
  /** Without the query string, which may contain addresses and phone numbers. */
  readonly url: string;
  readonly status: number | null;
  /** Our `X-Request-Id`, for the vendor's support. */
  readonly requestId: string | null;
}

/** `no`: CXone did nothing. `unknown`: it may have applied the request, so a write must not simply be repeated. */
export type Applied = 'no' | 'unknown';

export class CxoneError extends Error {
  readonly family: Family;
  readonly verb: string;
  readonly url: string;
  readonly status: number | null;
  readonly requestId: string | null;
  readonly applied: Applied;

  constructor(context: RequestContext, what: string, applied: Applied) {
    super(`CXone ${context.family}: ${context.verb} ${context.url}: ${what}`);
    this.name = new.target.name;
    this.family = context.family;
    this.verb = context.verb;
    this.url = context.url;
    this.status = context.status;
    this.requestId = context.requestId;
    this.applied = applied;
  }
}

/** The family is not configured. Nothing was sent. */
export class CxoneCredentialsMissing extends CxoneError {
  /** @param addressSettings those that would give it an address; null if it lacks credentials */
  constructor(context: RequestContext, addressSettings: string | null) {
    const remedy =
      addressSettings === null
        ? `its credentials are not set; ${checkCredentials(context.family)}`
        : `its address is not set; set ${addressSettings} for the workers`;
    super(context, remedy, 'no');
  }
}

/** CXone refuses the credentials, or a token that was just issued for them. */
export class CxoneUnauthorized extends CxoneError {
  constructor(context: RequestContext, by: 'token endpoint' | 'api') {
    const what = {
      'token endpoint': `the token endpoint refused the credentials (${context.status})`,
      api: `refused with 401, even with a new token`,
    };
    super(context, `${what[by]}; ${checkCredentials(context.family)}`, 'no');
  }
}

/** 403: the client lacks a scope or has no rights in the workspace. */
export class CxoneForbidden extends CxoneError {
  readonly scopes: readonly string[];
  constructor(context: RequestContext, scopes: readonly string[]) {
    super(
      context,
      `forbidden (403); the client needs the scopes ${scopes.join(' ')} and the workspace`,
      'no',
    );
    this.scopes = scopes;
  }
}

/** 404: no such list, campaign or job; or a wrong address. */
export class CxoneNotFound extends CxoneError {
  constructor(context: RequestContext) {
    super(context, 'not found (404)', 'no');
  }
}

export class CxoneRateLimited extends CxoneError {
  /** From `Retry-After`, more than 0. null: it asks for no wait, or cannot be read, so the caller has to back off. */
  readonly retryAfterMs: number | null;
  constructor(context: RequestContext, retryAfterMs: number | null) {
    super(context, `rate limited (429), ${describeWait(retryAfterMs)}`, 'no');
    this.retryAfterMs = retryAfterMs;
  }
}

/** 5xx, 408 and 425: none of them says whether the request was applied. */
export class CxoneUnavailable extends CxoneError {
  readonly retryAfterMs: number | null;
  constructor(context: RequestContext, retryAfterMs: number | null, applied: Applied) {
    super(context, `unavailable (${context.status}), ${describeWait(retryAfterMs)}`, applied);
    this.retryAfterMs = retryAfterMs;
  }
}

/** `aborted`: by the caller's own signal. */
export type NoAnswerReason = 'timeout' | 'aborted' | 'connection';

/** No complete answer arrived. For a write, `applied` is `no` only if no byte of the request had left. */
export class CxoneNoAnswer extends CxoneError {
  readonly reason: NoAnswerReason;
  /** E.g. ECONNREFUSED, ECONNRESET, ENOTFOUND, CERT_HAS_EXPIRED. */
  readonly code: string | null;
  /** A byte of the request may have left. Of a read, `applied` does not say so. */
  readonly sent: boolean;
  constructor(
    context: RequestContext,
    reason: NoAnswerReason,
    code: string | null,
    applied: Applied,
    sent = applied === 'unknown',
  ) {
    const effect = applied === 'no' ? 'nothing was done' : 'it may have been carried out';
    super(context, `no answer: ${reason}${code === null ? '' : ` ${code}`}; ${effect}`, applied);
    this.reason = reason;
    this.code = code;
    this.sent = sent;
  }
}

/**
 * The body is truncated, too long, not JSON or of another shape. A 2xx was probably applied; of a refusal it is not known
 * whom it names, so the request has to be repeated.
 */
export class CxoneUnreadable extends CxoneError {
  /** It can be read, but not kept exactly (exact.wire.ts): until somebody changes the document, CXone answers the same. */
  readonly isInexact: boolean;
  constructor(context: RequestContext, what: string, applied: Applied = 'unknown', isInexact = false) {
    super(context, `unreadable answer (${context.status}): ${what}`, applied);
    this.isInexact = isInexact;
  }
}

/** CXone has more than cxflow reads. Repeating the request cannot help. */
export class CxoneTooLong extends CxoneError {
  constructor(context: RequestContext, what: string) {
    super(context, what, 'no');
  }
}

/**
 * Any other answer. `applied` is `no` for a refusal, and `unknown` for a status that is not part of the contract: a redirect,
 * which is never followed, may be the answer to a request that was carried out.
 */
export class CxoneRefused extends CxoneError {
  constructor(context: RequestContext, what = `refused (${context.status})`, applied: Applied = 'no') {
    super(context, what, applied);
  }
}

function checkCredentials(family: Family): string {
  const NAME = family.toUpperCase();
  return `check CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, or CXONE_${NAME}_CLIENT_ID and CXONE_${NAME}_CLIENT_SECRET`;
}

function describeWait(retryAfterMs: number | null): string {
  return retryAfterMs === null ? 'without a readable Retry-After' : `retry after ${retryAfterMs} ms`;
}
