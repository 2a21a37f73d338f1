/** The login to each family of the CXone API: credentials, a token, its scopes, and a read that changes nothing. */
import type { Config } from '../../config/config.ts';
import { familiesOf, OPERATIONS, operationsOf } from '../../config/operations.ts';
import type { Env } from '../../config/reader.ts';
import { FAMILY_NAMES, type Family } from '../../cxone/families.wire.ts';
import type { FamilySettings } from '../../cxone/settings.ts';
import { examineSkew } from './clocks.ts';
import { type FamilyCheck, logIn } from './cxone-family.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export async function* examineCxone(env: Env, { cxone: { families } }: Config): AsyncIterable<Finding> {
  const isReady = ({ url, clientId }: FamilySettings) => url !== '' && clientId !== null;
  const ready = FAMILY_NAMES.filter((family) => isReady(families[family]));
  if (ready.length === 0) {
    const next = 'set CXONE_REGION, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET (or CXONE_CLIENT_SECRET_FILE)';
    yield problem('CXone', 'no credentials', next);
    return;
  }
  const missing = FAMILY_NAMES.filter((family) => !ready.includes(family));
  for (const family of missing) yield reportMissing(family, families[family]);
  // Each login may take as long as its deadlines, so all of them start now.
  const logins = ready.map((family) => ({ family, login: logIn(family, families[family]) }));
  const noneWorks = haveAllFailed(logins);
  const working: Family[] = [];
  for (const { family, login } of logins) {
    const check = await login;
    if (isUsable(check)) working.push(family);
    yield check.kind === 'failed'
      ? await judgeFailure(family, check, { hasOwnCredentials: hasOwnCredentials(env, family), noneWorks })
      : judgeFamily(family, check);
  }
  yield judgeOperations(working);
  yield* examineClock(await Promise.all(logins.map(({ login }) => login)));
}

async function haveAllFailed(logins: readonly Login[]): Promise<boolean> {
  const checks = await Promise.all(logins.map(({ login }) => login));
  return checks.every(({ kind }) => kind === 'failed');
}

interface Login {
  readonly family: Family;
  readonly login: Promise<FamilyCheck>;
}

const isUsable = (check: FamilyCheck): boolean =>
  check.kind === 'accepted' && check.scopes.missing.length === 0;

/** What to do about a family that does not work is said where the family is reported. */
function judgeOperations(working: readonly Family[]): Finding {
  const lacking = OPERATIONS.map((operation) => ({
    ...operation,
    lacks: familiesOf(operation).filter((family) => !working.includes(family)),
  }));
  const can = lacking.filter(({ lacks }) => lacks.length === 0).map(({ plural }) => plural);
  const notReady = lacking
    .filter(({ lacks }) => lacks.length > 0)
    .map(({ plural, lacks }) => `${plural} (${lacks.join(', ')})`);
  const name = 'CXone operations';
  const canRun = `can run: ${can.join(', ')}`;
  if (notReady.length === 0) return ok(name, canRun);
  const what = `not ready: ${notReady.join(', ')}`;
  const next = 'see the families in brackets above; ignore operations that you do not use';
  return warning(name, can.length === 0 ? what : `${canRun}; ${what}`, next);
}

function* examineClock(checks: readonly FamilyCheck[]): Iterable<Finding> {
  const skews = checks.flatMap(({ skewMs }) => (skewMs === null ? [] : [skewMs]));
  const worst = skews.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0];
  if (worst !== undefined) yield examineSkew('CXone', worst);
}

function reportMissing(family: Family, { url, addressSettings }: FamilySettings): Finding {
  const NAME = family.toUpperCase();
  const [what, next] =
    url === ''
      ? ['no address', `set ${addressSettings}`]
      : ['no credentials', `set CXONE_${NAME}_CLIENT_ID and CXONE_${NAME}_CLIENT_SECRET`];
  return warning(`CXone ${family}`, `${what}: ${listUses(family)} cannot run`, next);
}

function listUses(family: Family): string {
  return operationsOf(family).join(' and ');
}

function hasOwnCredentials(env: Env, family: Family): boolean {
  return Boolean(env[`CXONE_${family.toUpperCase()}_CLIENT_ID`]);
}

interface Circumstances {
  readonly hasOwnCredentials: boolean;
  /** Whether the logins of all families that operations use have failed. */
  readonly noneWorks: Promise<boolean>;
}

/**
 * A failed login is only a warning if the common credentials work for another family that operations use, because a
 * tenant need not have licensed all of them (docs/adr/0019-settings.md).
 */
async function judgeFailure(
  family: Family,
  { what, next }: FamilyCheck & { readonly kind: 'failed' },
  { hasOwnCredentials, noneWorks }: Circumstances,
): Promise<Finding> {
  const name = `CXone ${family}`;
  const isProblem = hasOwnCredentials || (await noneWorks);
  if (isProblem) return problem(name, what, next);
  return warning(name, `${what}; only ${listUses(family)} need it`, next);
}

/** Scopes that differ are a warning (docs/adr/0019-settings.md). */
function judgeFamily(family: Family, check: Exclude<FamilyCheck, { readonly kind: 'failed' }>): Finding {
  const name = `CXone ${family}`;
  if (check.kind === 'doubtful') return warning(name, check.what, check.next);
  const { missing, surplus } = check.scopes;
  if (missing.length > 0) {
    const what = `${check.what}; scopes not granted: ${missing.join(' ')}`;
    return warning(name, what, 'grant these scopes to the client, or its requests will be answered with 403');
  }
  if (surplus.length > 0) {
    const what = `${check.what}; scopes that are not needed: ${surplus.join(' ')}`;
    return warning(name, what, 'revoke them, so that a stolen secret is worth less');
  }
  return ok(name, check.what);
}
