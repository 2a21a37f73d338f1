/**
 * Address, token endpoint and credentials of each family of the CXone API (docs/cxone-contract.md#hosts-and-tokens). A
 * family's own settings win over those for all families, and those over the production addresses.
 */
import { FAMILIES, FAMILY_NAMES, type Family } from '../cxone/families.wire.ts';
import type { FamilySettings } from '../cxone/settings.ts';
import { hostLabel, origin, vendorUrl } from './addresses.ts';
import type { SettingsReader } from './reader.ts';
import { choiceWithoutDefault, secret, text } from './setting.ts';

/** The names that the tutorials use for the address of a family. */
const ALIASES: Readonly<Partial<Record<Family, string>>> = {
  preferences: 'CXONE_BASE_URL',
  outbound: 'CXONE_INSTANCE_URL',
  email: 'CXONE_ENV_URL',
};

/** Where a tenant is. null and `''`: not given. */
export interface Site {
  readonly region: 'us' | 'eu' | null;
  readonly listsRegion: string;
  readonly instance: string;
}

interface Hosts {
  readonly api: string;
  /** Where the token endpoint is, if it has a host of its own. */
  readonly login?: string;
}

/**
 * Production addresses; `''` where none is known. Data and credentials of an EU tenant must not reach a US host because a
 * setting was forgotten, so there is no default region, and a family that only has a US host has no address in the EU. The host
 * of `preferences` serves both regions.
 */
export function productionHosts({ region, listsRegion, instance }: Site): Readonly<Record<Family, Hosts>> {
  const inRegion = (us: string, eu: string) => (region === null ? '' : { us, eu }[region]);
  const lists = listsRegion || inRegion('api-us-1', '');
  return {
    preferences: { api: inRegion('https://api.cxone.com', 'https://api.cxone.com') },
    contactlists: {
      api: inRegion('https://api.cloud.nice-incontact.com', 'https://api-eu.cloud.nice-incontact.com'),
    },
    lists: {
      api: lists && `https://${lists}.cxone.com`,
      login: lists && `https://login.${lists}.cxone.com`,
    },
    outbound: { api: instance && `https://${instance}.api.nicecxone.com` },
    email: { api: inRegion('https://us1.api.niceincontact.com', '') },
  };
}

/**
 * Each of these settings alone gives the family an address, in addition to the region; none if it has one already. `lacking`:
 * where only the token endpoint is missing, the address of the family does not help.
 */
export function addressSettings(
  family: Family,
  region: Site['region'],
  lacking: 'url' | 'tokenUrl' = 'url',
): readonly string[] {
  const hasAddress = (more: Partial<Site>) =>
    productionHosts({ region, listsRegion: '', instance: '', ...more })[family].api !== '';
  if (hasAddress({})) return [];
  const place = [
    ...(region === null && hasAddress({ region: 'us' }) ? [SITE.region.name] : []),
    ...(hasAddress({ listsRegion: 'x' }) ? [SITE.listsRegion.name] : []),
    ...(hasAddress({ instance: 'x' }) ? [SITE.instance.name] : []),
  ];
  return [...place, familyVariables(family)[lacking].name];
}

export const SITE = {
  region: choiceWithoutDefault(['us', 'eu'], {
    name: 'CXONE_REGION',
    server: 'cxone',
    meaning:
      'The region of the tenant. It selects the production addresses. Required with credentials, unless ' +
      '`CXONE_API_URL` or the address of a family is set.',
    neededBy: 'all operations',
  }),
  listsRegion: hostLabel({
    name: 'CXONE_LISTS_REGION',
    server: 'cxone',
    meaning: 'The region in the host name of the family `lists`.',
    neededBy: 'list load',
    shownDefault: '`api-us-1` in the US, none in the EU',
  }),
  instance: hostLabel({
    name: 'CXONE_INSTANCE',
    server: 'cxone',
    meaning: 'The instance in the host name of the family `outbound`.',
    neededBy: 'selection update',
  }),
};

/** For all families that do not have their own. */
export const COMMON = {
  apiUrl: origin({
    name: 'CXONE_API_URL',
    server: 'cxone',
    meaning: 'Replaces the origin of every address and token endpoint, for the simulator and for tests.',
    neededBy: 'all operations, against a simulator',
  }),
  clientId: text({
    name: 'CXONE_CLIENT_ID',
    server: 'cxone',
    meaning: 'The OAuth client.',
    neededBy: 'all operations',
  }),
  clientSecret: secret({
    name: 'CXONE_CLIENT_SECRET',
    server: 'cxone',
    meaning: 'The secret of the OAuth client.',
    neededBy: 'all operations',
  }),
};

/** null: of any family, for the documentation. */
export function familyVariables(family: Family | null) {
  const FAMILY = family?.toUpperCase() ?? '<FAMILY>';
  const alias = family === null ? undefined : ALIASES[family];
  const neededBy = "the family's operations";
  return {
    url: vendorUrl({
      name: `CXONE_${FAMILY}_URL`,
      server: 'cxone',
      ...(alias !== undefined && { alias }),
      meaning: 'The address of the family. Its token endpoint moves with it, except that of `lists`.',
      neededBy,
      shownDefault: 'see below',
    }),
    tokenUrl: vendorUrl({
      name: `CXONE_${FAMILY}_TOKEN_URL`,
      server: 'cxone',
      meaning: 'The token endpoint of the family.',
      neededBy,
      shownDefault: 'see below',
    }),
    clientId: text({
      name: `CXONE_${FAMILY}_CLIENT_ID`,
      server: 'cxone',
      meaning: 'The OAuth client of the family.',
      neededBy,
      shownDefault: '`CXONE_CLIENT_ID`',
    }),
    clientSecret: secret({
      name: `CXONE_${FAMILY}_CLIENT_SECRET`,
      server: 'cxone',
      meaning: 'Its secret. Set both or neither.',
      neededBy,
      shownDefault: '`CXONE_CLIENT_SECRET`',
    }),
  };
}

export function readFamilies(reader: SettingsReader): Readonly<Record<Family, FamilySettings>> {
  const apiUrl = reader.read(COMMON.apiUrl);
  const site = reader.readAll(SITE);
  const hosts = productionHosts(site);
  const isAnyNamed = FAMILY_NAMES.some((family) => reader.isSet(familyVariables(family).url));
  const readFamily = (family: Family): FamilySettings => {
    const { url: ownUrl, tokenUrl, ...credentials } = familyVariables(family);
    const { tokenPath, ...facts } = FAMILIES[family];
    const { api, login } = hosts[family];
    const url = reader.read(ownUrl) ?? apiUrl ?? api;
    const tokenHost = apiUrl === null ? (login ?? url) : url;
    const own = reader.readCredentials(credentials);
    const { clientId, clientSecret } = own.clientId === null ? reader.readCredentials(COMMON) : own;
    if (clientId !== null && apiUrl === null && !isAnyNamed) requireRegion(reader);
    const endpoint = reader.read(tokenUrl) ?? (tokenHost && tokenHost + tokenPath);
    const lacking = url !== '' && endpoint === '' ? 'tokenUrl' : 'url';
    return {
      ...facts,
      url,
      addressSettings: addressSettings(family, site.region, lacking).join(' or '),
      tokenUrl: endpoint,
      clientId,
      clientSecret,
    };
  };
  const families = FAMILY_NAMES.map((family) => [family, readFamily(family)] as const);
  return Object.fromEntries(families) as Record<Family, FamilySettings>;
}

/** Credentials are not sent to a host that nobody has chosen. Families without an address are reported when they are needed. */
function requireRegion(reader: SettingsReader): void {
  if (reader.isSet(SITE.region)) return;
  const remedy = 'set us or eu, wherever the tenant is; no address is assumed';
  reader.addProblem(SITE.region.name, 'is required with credentials', remedy);
}
