/**
 * Requests to one family: adds address and token, and repeats a request once after a 401. Any other answer is returned if
 * the caller expects it, and otherwise becomes an error of errors.ts. Nothing is retried here
 * (docs/adr/0020-one-attempt.md#the-cxone-client).
 */
import { randomUUID } from 'node:crypto';
import { type Answer, createAnswer } from './answer.ts';
import { createTokens } from './auth.ts';
import { CxoneCredentialsMissing, CxoneNoAnswer, CxoneRefused, type RequestContext } from './errors.ts';
import { toError } from './failures.ts';
import type { Family } from './families.wire.ts';
import type { Http, HttpOutcome, OnPart } from './http.ts';
import type { Deadlines, FamilySettings, RequestFacts } from './settings.ts';

export interface FamilyDeps {
  readonly family: Family;
  readonly settings: FamilySettings;
  readonly http: Http;
  readonly deadlines: Deadlines;
  readonly monotonicMs: () => number;
  readonly onRequest: (facts: RequestFacts) => void;
}

export interface Call {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'PATCH';
  /** A template with `{name}` for each of `params`. Metrics show the template. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** Never part of an error or a metric, because it may contain ids and addresses. */
  readonly query?: Readonly<Record<string, string>>;
  /** In addition to those of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Instead of `body`, if the JSON text exists already. */
  readonly bodyText?: string;
  /** Statuses besides 2xx that the caller handles; others become errors. */
  readonly expect: readonly number[];
  /** Default `requestMs`, and `partMs` with `onPart`. */
  readonly deadline?: 'requestMs' | 'campaignMs';
  /** Receives the body of a 2xx in parts instead of the answer; see http.ts. */
  readonly onPart?: OnPart | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly beforeSend?: (() => void) | undefined;
}

export interface FamilyClient {
  /** Errors: those of errors.ts, and whatever `beforeSend` and `onPart` throw. */
  call(call: Call): Promise<Answer>;
}

export function createFamilyClient(deps: FamilyDeps): FamilyClient {
  const { family, settings } = deps;
  const tokens = createTokens({ ...deps, deadlineMs: deps.deadlines.tokenMs });

  async function attempt(call: Call, url: URL, context: RequestContext): Promise<HttpOutcome> {
    const token = await unlessAborted(tokens.get(), call.signal, context);
    const startedAtMs = deps.monotonicMs();
    const outcome = await deps.http.send({ ...buildRequest(call, url, context, token), ...limits(call) });
    const status = outcome.kind === 'answer' ? outcome.status : null;
    const latencyMs = deps.monotonicMs() - startedAtMs;
    deps.onRequest({ family, verb: call.verb, path: call.path, status, latencyMs });
    if (status === 401) tokens.drop(token);
    return outcome;
  }
  const limits = ({ signal, beforeSend, onPart, deadline = 'requestMs' }: Call) => ({
    deadlineMs: deps.deadlines[onPart ? 'partMs' : deadline],
    signal,
    beforeSend,
    onPart,
  });

  return {
    async call(call) {
      const context = createContext(family, settings, call);
      const url = pinnedUrl(settings, context);
      for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
      let outcome = await attempt(call, url, context);
      // A token may be revoked before it expires. Repeating is safe, because a 401 means that nothing was done.
      if (isStatus(outcome, 401)) outcome = await attempt(call, url, context);
      const answered = { ...context, status: outcome.kind === 'answer' ? outcome.status : null };
      if (outcome.kind === 'none' || !isExpected(outcome.status, call))
        throw toError(outcome, answered, settings, call.verb === 'GET' ? 'no' : 'unknown');
      return createAnswer(outcome.body, answered, outcome.headers);
    },
  };
}

function isStatus(outcome: HttpOutcome, status: number): boolean {
  return outcome.kind === 'answer' && outcome.status === status;
}

function isExpected(status: number, call: Call): boolean {
  return (status >= 200 && status < 300) || call.expect.includes(status);
}

function createContext(family: Family, settings: FamilySettings, call: Call): RequestContext {
  const context = { family, verb: call.verb, url: call.path, status: null, requestId: randomUUID() };
  if (settings.url === '') throw new CxoneCredentialsMissing(context, settings.addressSettings);
  return { ...context, url: settings.url + fillPath(call, context) };
}

/** An id is one path segment. `.` and `..` would lead to another path, even percent-encoded. */
function fillPath({ path, params }: Call, context: RequestContext): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name] ?? '';
    if (/^\.{0,2}$/.test(value))
      throw new CxoneRefused(context, `"${value}" cannot be ${name}; nothing was sent`);
    return encodeURIComponent(value);
  });
}

/** The token is sent to the family's own origin only. */
function pinnedUrl(settings: FamilySettings, context: RequestContext): URL {
  const url = new URL(context.url);
  if (url.origin === new URL(settings.url).origin) return url;
  throw new CxoneRefused(context, 'is outside the origin of this family; nothing was sent');
}

function buildRequest(call: Call, url: URL, context: RequestContext, token: string) {
  const headers: Record<string, string> = {
    Authorization: `Bearer ${token}`,
    Accept: 'application/json',
    'X-Request-Id': context.requestId ?? '',
    ...call.headers,
  };
  const body = call.bodyText ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
  if (body === undefined) return { verb: call.verb, url: url.href, headers };
  headers['Content-Type'] = 'application/json';
  return { verb: call.verb, url: url.href, headers, body };
}

/** The request for a token is shared: a caller that gives up stops waiting but does not abort it for the others. */
function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  context: RequestContext,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(new CxoneNoAnswer(context, 'aborted', null, 'no'));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
