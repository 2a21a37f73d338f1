/** The login to CXone, family by family: credentials, a token, its scopes, and a read that changes nothing. */
import type { Config } from '../../config/config.ts';
import { FAMILY_USES } from '../../config/families.ts';
import { FAMILY_NAMES, type Family } from '../../cxone/families.wire.ts';
import type { FamilySettings } from '../../cxone/settings.ts';
import type { Env } from '../cli.ts';
import { examineSkew } from './clocks.ts';
import { askFamily, type Told } from './cxone-family.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

const FAMILIES_IN_USE = FAMILY_NAMES.filter((family) => FAMILY_USES[family].isInUse);

export async function* examineCxone(env: Env, { cxone: { families } }: Config): AsyncIterable<Finding> {
  const isReady = ({ url, clientId }: FamilySettings) => url !== '' && clientId !== null;
  const ready = FAMILY_NAMES.filter((family) => isReady(families[family]));
  if (ready.length === 0) {
    const next = 'set CXONE_CLIENT_ID and CXONE_CLIENT_SECRET (or CXONE_CLIENT_SECRET_FILE)';
    yield problem('CXone', 'no credentials', next);
    return;
  }
  for (const family of FAMILIES_IN_USE) {
    if (!ready.includes(family)) yield notReady(family, families[family]);
  }
  // All at once: each may take as long as its deadlines.
  const answers = ready.map(async (family) => ({ family, told: await askFamily(family, families[family]) }));
  for (const answer of answers) {
    const { family, told } = await answer;
    yield examineFamily(family, told, isOwn(env, family));
  }
  const skews = (await Promise.all(answers)).flatMap(({ told }) =>
    told.skewMs === null ? [] : [told.skewMs],
  );
  const worst = skews.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0];
  if (worst !== undefined) yield examineSkew('CXone', worst);
}

function notReady(family: Family, { url }: FamilySettings): Finding {
  const NAME = family.toUpperCase();
  const [what, next] =
    url === ''
      ? ['it has no address', `set CXONE_${NAME}_URL${family === 'outbound' ? ', or CXONE_INSTANCE' : ''}`]
      : ['no credentials', `set CXONE_${NAME}_CLIENT_ID and CXONE_${NAME}_CLIENT_SECRET`];
  return warning(`CXone ${family}`, `${what}: ${neededFor(family)} cannot run`, next);
}

function neededFor(family: Family): string {
  return FAMILY_USES[family].neededFor.join(' and ');
}

/** Credentials of its own are there to be used; the common pair need not be good for every family. */
function isOwn(env: Env, family: Family): boolean {
  return Boolean(env[`CXONE_${family.toUpperCase()}_CLIENT_ID`]);
}

/** A scope that differs is a warning, not a reason to stop (decisions.md 35). */
export function examineFamily(family: Family, told: Told, own: boolean): Finding {
  const name = `CXone ${family}`;
  if (told.kind === 'strange') return warning(name, told.what, told.next);
  if (told.kind === 'failed') {
    const serious = own || family === 'contactlists';
    const what = serious ? told.what : `${told.what}; only ${neededFor(family)} need it`;
    return (serious ? problem : warning)(name, what, told.next);
  }
  const { missing, beyond } = told.scopes;
  if (missing.length > 0) {
    const what = `${told.what}; not granted: ${missing.join(' ')}`;
    return warning(name, what, 'add these scopes where the client was created, or answers will be 403');
  }
  if (beyond.length > 0) {
    const what = `${told.what}; granted beyond need: ${beyond.join(' ')}`;
    return warning(name, what, 'take them from the client: what it cannot do, a stolen secret cannot do');
  }
  return ok(name, told.what);
}
