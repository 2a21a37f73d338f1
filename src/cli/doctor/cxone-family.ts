/** Logs in to one family: gets a token, and uses it to read something that does not exist. Nothing is written. */
import { z } from 'zod';
import { createTokens } from '../../cxone/auth.ts';
import { CxoneUnauthorized } from '../../cxone/errors.ts';
import type { Family } from '../../cxone/families.wire.ts';
import { createHttp, type Http, type HttpOutcome } from '../../cxone/http.ts';
import type { FamilySettings } from '../../cxone/settings.ts';
import { measureSkew } from './clocks.ts';

export type FamilyCheck = { readonly what: string; readonly skewMs: number | null } & (
  | {
      readonly kind: 'accepted';
      readonly scopes: { readonly missing: readonly string[]; readonly surplus: readonly string[] };
    }
  /** A server answered, but not the way CXone does. */
  | { readonly kind: 'doubtful'; readonly next: string }
  | { readonly kind: 'failed'; readonly next: string }
);

const DEADLINE_MS = 10_000;
/** Reads of things that no tenant has; null if the family has no read (docs/adr/0008-doctor-asks-for-work.md). */
const READS: Readonly<Record<Family, string | null>> = {
  preferences: '/api/v2/preferences?contactId=00000000-0000-4000-8000-000000000000&channel=email',
  contactlists: null,
  lists: '/api/v2/campaigns/cxflow-doctor',
  outbound: '/api/v2/outbound/campaigns/cxflow-doctor',
  email: '/v1/communications/email/suppressions?email=doctor%40example.invalid&limit=1',
};
/** RFC 6749 §5.1 and §5.2. */
const GRANT = z.object({ scope: z.string() });
const REFUSAL = z.object({ error: z.string().regex(/^[a-z_]{1,40}$/) });
/** HTTP dates have a resolution of one second. */
const HTTP_DATE_MS = 1_000;

export async function logIn(family: Family, settings: FamilySettings): Promise<FamilyCheck> {
  const recorder = createRecorder(createHttp());
  const tokens = createTokens({
    family,
    settings,
    http: recorder.http,
    deadlineMs: DEADLINE_MS,
    monotonicMs: () => performance.now(),
    onRequest: () => undefined,
  });
  try {
    const token = await tokens.get();
    const scopes = compareScopes(settings.scopes, grantedScopes(recorder.last()));
    const read = await readWith(token, family, settings, recorder.http);
    const skewMs = recorder.skewMs();
    return read.kind === 'accepted' ? { ...read, scopes, skewMs } : { ...read, skewMs };
  } catch (error) {
    return { ...describeTokenError(error, family, recorder.last()), skewMs: recorder.skewMs() };
  } finally {
    recorder.http.close();
  }
}

/** Keeps the last answer, and the clock skew that its Date header shows. */
function createRecorder(inner: Http) {
  let last: HttpOutcome | null = null;
  let skewMs: number | null = null;
  const http: Http = {
    close: () => inner.close(),
    async send(request) {
      const sentAtMs = Date.now();
      last = await inner.send(request);
      const theirsMs = last.kind === 'answer' ? Date.parse(String(last.headers['date'])) : NaN;
      if (!Number.isNaN(theirsMs)) {
        skewMs = measureSkew({ theirsMs, sentAtMs, receivedAtMs: Date.now(), resolutionMs: HTTP_DATE_MS });
      }
      return last;
    },
  };
  return { http, last: () => last, skewMs: () => skewMs };
}

interface Failed {
  readonly kind: 'failed' | 'doubtful';
  readonly what: string;
  readonly next: string;
}
type Read = { readonly kind: 'accepted'; readonly what: string } | Failed;

/** A healthy tenant answers 404, because the doctor reads something that does not exist. */
async function readWith(
  token: string,
  family: Family,
  { url, scopes }: FamilySettings,
  http: Http,
): Promise<Read> {
  const path = READS[family];
  if (path === null) return { kind: 'accepted', what: `${url} grants a token (the family has no read)` };
  const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json' };
  const outcome = await http.send({ verb: 'GET', url: url + path, headers, deadlineMs: DEADLINE_MS });
  if (outcome.kind === 'none') {
    const what = `${url} does not answer a read (${outcome.code ?? outcome.reason})`;
    return { kind: 'failed', what, next: `check CXONE_${family.toUpperCase()}_URL and the network` };
  }
  const { status } = outcome;
  if (status < 300 || status === 404) return judgeRead(family, url, outcome);
  if (status === 429)
    return { kind: 'accepted', what: `${url} grants a token (429: its rate limit is reached)` };
  const next = {
    401: 'the token is for another system: check CXONE_REGION, CXONE_API_URL and the token URL',
    403: `the client needs the scopes ${scopes.join(' ')} and the workspace`,
  }[status];
  const what = `${url} answers a read with ${status}`;
  return { kind: 'failed', what, next: next ?? 'try again later; if it persists, ask NICE support' };
}

/** CXone answers in JSON; any other web server also answers 404, or 200 with a login page. */
function judgeRead(family: Family, url: string, outcome: HttpOutcome & { readonly kind: 'answer' }): Read {
  const { status } = outcome;
  if (parseBody(outcome, z.unknown()) !== undefined) {
    return { kind: 'accepted', what: `${url} grants a token and accepts it` };
  }
  const what = `${url} answers a read with ${status}, but not in JSON`;
  const next = `check that it is CXone: CXONE_${family.toUpperCase()}_URL, CXONE_API_URL and CXONE_REGION`;
  return { kind: status === 404 ? 'doubtful' : 'failed', what, next };
}

function grantedScopes(outcome: HttpOutcome | null): readonly string[] | null {
  return parseBody(outcome, GRANT)?.scope.split(/\s+/).filter(Boolean) ?? null;
}

/** Null stands for an answer without scopes, which means that all requested scopes were granted. */
export function compareScopes(requested: readonly string[], granted: readonly string[] | null) {
  if (granted === null) return { missing: [], surplus: [] };
  return {
    missing: requested.filter((scope) => !granted.includes(scope)),
    surplus: granted.filter((scope) => !requested.includes(scope)),
  };
}

function describeTokenError(error: unknown, family: Family, last: HttpOutcome | null): Failed {
  const what = error instanceof Error ? error.message : String(error);
  const code = parseBody(last, REFUSAL)?.error;
  const suffix = code === undefined ? '' : ` (${code})`;
  if (code === 'invalid_scope') {
    return { kind: 'failed', what: `no token${suffix}`, next: `grant the client of ${family} its scopes` };
  }
  if (error instanceof CxoneUnauthorized) {
    // The message of this error already says which variables to check.
    const [head = what, next = 'check the credentials'] = what.split('; ');
    return { kind: 'failed', what: `${head}${suffix}`, next };
  }
  return { kind: 'failed', what, next: 'check CXONE_REGION, CXONE_API_URL and the network' };
}

function parseBody<T>(outcome: HttpOutcome | null, schema: z.ZodType<T>): T | undefined {
  if (outcome?.kind !== 'answer' || outcome.body === null) return undefined;
  try {
    return schema.safeParse(JSON.parse(outcome.body)).data;
  } catch {
    return undefined;
  }
}
