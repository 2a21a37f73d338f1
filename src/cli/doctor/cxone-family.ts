/** One family asked: for a token, and with it for something that is not there. Nothing is written. */
import { z } from 'zod';
import type { Family } from '../../cxone/families.wire.ts';
import type { FamilySettings } from '../../cxone/settings.ts';
import { createTokens } from '../../cxone/auth.ts';
import { CxoneUnauthorized } from '../../cxone/errors.ts';
import { createHttp, type Http, type HttpOutcome } from '../../cxone/http.ts';
import { skewOf } from './clocks.ts';

export type Told = { readonly what: string; readonly skewMs: number | null } & (
  | {
      readonly kind: 'let_in';
      readonly scopes: { readonly missing: readonly string[]; readonly beyond: readonly string[] };
    }
  /** `strange`: it answers, but hardly as CXone does. */
  | { readonly kind: 'strange'; readonly next: string }
  | { readonly kind: 'failed'; readonly next: string }
);

const DEADLINE_MS = 10_000;
/** Reads of what no tenant has; null: the family has no read (cxone-api.md). */
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
/** An HTTP date has whole seconds. */
const HTTP_DATE_MS = 1_000;

export async function askFamily(family: Family, settings: FamilySettings): Promise<Told> {
  const watch = watching(createHttp());
  const tokens = createTokens({
    family,
    settings,
    http: watch.http,
    deadlineMs: DEADLINE_MS,
    monotonicMs: () => performance.now(),
    onRequest: () => undefined,
  });
  try {
    const token = await tokens.get();
    const scopes = compareScopes(settings.scopes, grantedIn(watch.last()));
    const read = await readWith(token, family, settings, watch.http);
    const skewMs = watch.skewMs();
    return read.kind === 'let_in' ? { ...read, scopes, skewMs } : { ...read, skewMs };
  } catch (error) {
    return { ...describeTokenError(error, family, watch.last()), skewMs: watch.skewMs() };
  } finally {
    watch.http.close();
  }
}

/** Keeps the last answer, and what its Date header says of our clock. */
function watching(inner: Http) {
  let last: HttpOutcome | null = null;
  let skewMs: number | null = null;
  const http: Http = {
    close: () => inner.close(),
    async send(request) {
      const askedAtMs = Date.now();
      last = await inner.send(request);
      const theirsMs = last.kind === 'answer' ? Date.parse(String(last.headers['date'])) : NaN;
      if (!Number.isNaN(theirsMs)) {
        skewMs = skewOf({ theirsMs, askedAtMs, toldAtMs: Date.now(), resolutionMs: HTTP_DATE_MS });
      }
      return last;
    },
  };
  return { http, last: () => last, skewMs: () => skewMs };
}

interface Failed {
  readonly kind: 'failed' | 'strange';
  readonly what: string;
  readonly next: string;
}
type Read = { readonly kind: 'let_in'; readonly what: string } | Failed;

/** 404 is the answer that a healthy tenant gives: the doctor asks for what is not there. */
async function readWith(
  token: string,
  family: Family,
  { url, scopes }: FamilySettings,
  http: Http,
): Promise<Read> {
  const path = READS[family];
  if (path === null) return { kind: 'let_in', what: `${url} gives a token (there is nothing to read)` };
  const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json' };
  const outcome = await http.send({ verb: 'GET', url: url + path, headers, deadlineMs: DEADLINE_MS });
  if (outcome.kind === 'none') {
    const what = `${url} does not answer a read (${outcome.code ?? outcome.reason})`;
    return { kind: 'failed', what, next: `check CXONE_${family.toUpperCase()}_URL and the network` };
  }
  const { status } = outcome;
  if (status < 300 || status === 404) return judgeRead(family, url, outcome);
  if (status === 429) return { kind: 'let_in', what: `${url} gives a token (429 now: its rate is used up)` };
  const next = {
    401: 'the token is of another system: check CXONE_REGION, CXONE_API_URL and the token URL',
    403: `the client needs the scopes ${scopes.join(' ')} and the workspace`,
  }[status];
  const what = `${url} answers a read with ${status}`;
  return { kind: 'failed', what, next: next ?? 'look at it again later; if it stays, ask the vendor' };
}

/** Any web server answers 404, or 200 with a page to log in: CXone answers in JSON. */
function judgeRead(family: Family, url: string, outcome: HttpOutcome & { readonly kind: 'answer' }): Read {
  const { status } = outcome;
  if (bodyOf(outcome, z.unknown()) !== undefined) {
    return { kind: 'let_in', what: `${url} gives a token and takes it` };
  }
  const what = `${url} answers a read with ${status}, and not in JSON`;
  const next = `is it CXone? Check CXONE_${family.toUpperCase()}_URL, CXONE_API_URL and CXONE_REGION`;
  return { kind: status === 404 ? 'strange' : 'failed', what, next };
}

function grantedIn(outcome: HttpOutcome | null): readonly string[] | null {
  return bodyOf(outcome, GRANT)?.scope.split(/\s+/).filter(Boolean) ?? null;
}

/** null: the answer names none, which means those that were asked for. */
export function compareScopes(wanted: readonly string[], granted: readonly string[] | null) {
  if (granted === null) return { missing: [], beyond: [] };
  return {
    missing: wanted.filter((scope) => !granted.includes(scope)),
    beyond: granted.filter((scope) => !wanted.includes(scope)),
  };
}

function describeTokenError(error: unknown, family: Family, last: HttpOutcome | null): Failed {
  const what = error instanceof Error ? error.message : String(error);
  const code = bodyOf(last, REFUSAL)?.error;
  const said = code === undefined ? '' : ` (${code})`;
  if (code === 'invalid_scope') {
    return { kind: 'failed', what: `no token${said}`, next: `grant the client of ${family} its scopes` };
  }
  if (error instanceof CxoneUnauthorized) {
    // The error names the variables itself.
    const [head = what, next = 'check the credentials'] = what.split('; ');
    return { kind: 'failed', what: `${head}${said}`, next };
  }
  return { kind: 'failed', what, next: 'check CXONE_REGION, CXONE_API_URL and the network' };
}

function bodyOf<T>(outcome: HttpOutcome | null, schema: z.ZodType<T>): T | undefined {
  if (outcome?.kind !== 'answer' || outcome.body === null) return undefined;
  try {
    return schema.safeParse(JSON.parse(outcome.body)).data;
  } catch {
    return undefined;
  }
}
