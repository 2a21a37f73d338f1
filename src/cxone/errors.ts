/**
 * What can go wrong with one request to CXone, as facts of HTTP. Each error says family, verb, URL, status and request
 * id, and whether CXone may have applied it. None holds a body, a token, a header or what axios threw: errors are
 * logged and serialised by others, and axios's carry the bearer and the whole request (reliability.md M9).
 */
import type { Family } from './families.wire.ts';

export interface RequestContext {
  readonly family: Family;
  readonly verb: string;
  /** Without a query: addresses and numbers stand there. */
  readonly url: string;
  readonly status: number | null;
  /** Our `X-Request-Id`, to be named to the vendor's support. */
  readonly requestId: string | null;
}

/** `no`: CXone did nothing. `unknown`: it may have, so that a write must not be repeated blindly. */
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

/** The family is not configured: nothing was sent. */
export class CxoneCredentialsMissing extends CxoneError {
  constructor(context: RequestContext, missing: 'url' | 'credentials') {
    const NAME = context.family.toUpperCase();
    const remedy = {
      url: `its address is not set; set CXONE_${NAME}_URL (or CXONE_API_URL, or for outbound CXONE_INSTANCE)`,
      credentials: `its credentials are not set; ${credentialsOf(context.family)}`,
    };
    super(context, remedy[missing], 'no');
  }
}

/** CXone does not take these credentials, or not even a fresh token of theirs. */
export class CxoneUnauthorized extends CxoneError {
  constructor(context: RequestContext, by: 'token endpoint' | 'api') {
    const what = {
      'token endpoint': `the token endpoint refused the credentials (${context.status})`,
      api: `refused with 401, with a fresh token too`,
    };
    super(context, `${what[by]}; ${credentialsOf(context.family)}`, 'no');
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
  /** What `Retry-After` asks for; null without a readable one: back off. */
  readonly retryAfterMs: number | null;
  constructor(context: RequestContext, retryAfterMs: number | null) {
    super(context, `rate limited (429), ${waitOf(retryAfterMs)}`, 'no');
    this.retryAfterMs = retryAfterMs;
  }
}

/** 5xx, and 408 and 425, which say as little about what was done. */
export class CxoneUnavailable extends CxoneError {
  readonly retryAfterMs: number | null;
  constructor(context: RequestContext, retryAfterMs: number | null, applied: Applied) {
    super(context, `unavailable (${context.status}), ${waitOf(retryAfterMs)}`, applied);
    this.retryAfterMs = retryAfterMs;
  }
}

/** `aborted`: by the caller's own signal. */
export type NoAnswerReason = 'timeout' | 'aborted' | 'connection';

/** No whole answer came. For a write `applied` is `no` only where no byte of the request had left. */
export class CxoneNoAnswer extends CxoneError {
  readonly reason: NoAnswerReason;
  /** E.g. ECONNREFUSED, ECONNRESET, ENOTFOUND, CERT_HAS_EXPIRED. */
  readonly code: string | null;
  constructor(context: RequestContext, reason: NoAnswerReason, code: string | null, applied: Applied) {
    const effect = applied === 'no' ? 'nothing was done' : 'it may have been carried out';
    super(context, `no answer: ${reason}${code === null ? '' : ` ${code}`}; ${effect}`, applied);
    this.reason = reason;
    this.code = code;
  }
}

/** A 2xx whose body is cut off, no JSON, too long or of another shape: probably applied, certainly not understood. */
export class CxoneUnreadable extends CxoneError {
  constructor(context: RequestContext, what: string, applied: Applied = 'unknown') {
    super(context, `unreadable answer (${context.status}): ${what}`, applied);
  }
}

/** An answer that nothing here expects: other 4xx, and redirects, which are never followed. */
export class CxoneRefused extends CxoneError {
  constructor(context: RequestContext, what = `refused (${context.status})`) {
    super(context, what, 'no');
  }
}

function credentialsOf(family: Family): string {
  const NAME = family.toUpperCase();
  return `check CXONE_CLIENT_ID and CXONE_CLIENT_SECRET, or CXONE_${NAME}_CLIENT_ID and CXONE_${NAME}_CLIENT_SECRET`;
}

function waitOf(retryAfterMs: number | null): string {
  return retryAfterMs === null ? 'without a readable Retry-After' : `retry after ${retryAfterMs} ms`;
}
