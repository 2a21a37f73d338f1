/** The login to CXone: credentials of every family, and one token. Nothing is read or written there. */
import { z } from 'zod';
import { type Config, FAMILIES, type FamilySettings } from '../../config.ts';
import { createTokens } from '../../cxone/auth.ts';
import { createHttp, type HttpOutcome } from '../../cxone/http.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const DEADLINE_MS = 10_000;
/** The families that a kind of run needs today. */
const IN_USE: readonly string[] = ['contactlists'];
const GRANTED = z.object({ scope: z.string() });

export async function* examineCxone({ cxone }: Config): AsyncIterable<Finding> {
  for (const family of FAMILIES) {
    const finding = examineCredentials(family, cxone.families[family]);
    if (finding) yield finding;
  }
  const settings = cxone.families.contactlists;
  if (settings.clientId !== null && settings.url !== '') yield* examineToken(settings);
}

/** null: nothing to say, for no run needs this family yet. */
function examineCredentials(family: string, { url, clientId }: FamilySettings): Finding | null {
  const name = `CXone ${family}`;
  if (clientId !== null && url !== '') return ok(name, url);
  if (!IN_USE.includes(family)) return null;
  const next = 'set CXONE_CLIENT_ID and CXONE_CLIENT_SECRET (or CXONE_CLIENT_SECRET_FILE)';
  return problem(name, url === '' ? 'it has no address' : `${url}: no credentials`, next);
}

async function* examineToken(settings: FamilySettings): AsyncIterable<Finding> {
  const http = createHttp();
  let answer: HttpOutcome | null = null;
  const tokens = createTokens({
    family: 'contactlists',
    settings,
    http: { ...http, send: async (request) => (answer = await http.send(request)) },
    deadlineMs: DEADLINE_MS,
    monotonicMs: () => performance.now(),
    onRequest: () => undefined,
  });
  try {
    await tokens.get();
    yield ok('CXone token', `${settings.tokenUrl} gives one`);
    yield* examineScopes(settings.scopes, answer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    yield problem(
      'CXone token',
      message,
      'check CXONE_CLIENT_ID, CXONE_CLIENT_SECRET, CXONE_REGION and CXONE_API_URL',
    );
  } finally {
    http.close();
  }
}

/** Fewer scopes than asked for are a warning, not a reason to stop (decisions.md 35). */
function* examineScopes(wanted: readonly string[], answer: HttpOutcome | null): Iterable<Finding> {
  if (answer?.kind !== 'answer' || answer.body === null) return;
  const granted = GRANTED.safeParse(JSON.parse(answer.body)).data?.scope.split(/\s+/);
  const missing = granted === undefined ? [] : wanted.filter((scope) => !granted.includes(scope));
  if (missing.length === 0) return;
  yield warning(
    'CXone scopes',
    `not granted: ${missing.join(', ')}`,
    'ask for them where the client was created',
  );
}
