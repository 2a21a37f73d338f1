/** A simulator for one test, with two clients for it: our CXone SDK and raw HTTP. */
import { onTestFinished } from 'vitest';
import type { ContactRecord } from '../../src/cxone/contact-lists.ts';
import { createCxone } from '../../src/cxone/cxone.ts';
import { FAMILIES, FAMILY_NAMES, type Family } from '../../src/cxone/families.wire.ts';
import type { FamilySettings } from '../../src/cxone/settings.ts';
import { createAdminClient } from '../../src/simulator/admin-client.ts';
import { createSimulator, type SimulatorOptions } from '../../src/simulator/simulator.ts';

export function contact(n: number, over: Partial<ContactRecord> = {}): ContactRecord {
  return {
    contactId: `c${n}`,
    phoneNumbers: [{ type: 'mobile', number: `+1415555${String(n).padStart(4, '0')}` }],
    customFields: { city: 'Lyon' },
    consentTimestamp: '2026-01-01T00:00:00Z',
    optInStatus: 'confirmed',
    ...over,
  };
}
export const contacts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => contact(from + i));

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: unknown;
}

/** The simulator is closed when the test ends. */
export async function startSimulator(options: SimulatorOptions = {}) {
  const simulator = createSimulator(options);
  const { url } = await simulator.listen();
  onTestFinished(() => simulator.close());
  return { simulator, ...connect(url) };
}

export function connect(url: string) {
  const families = familySettings(url);
  const cxone = createCxone({ families });
  /** With a short deadline, for answers that never arrive; long enough for a busy machine to send a request within it. */
  const impatient = createCxone({ families, deadlines: { requestMs: 1_500 } });
  onTestFinished(() => [cxone, impatient].forEach((each) => each.close()));
  const create = (listId: string, records: readonly ContactRecord[]) =>
    cxone.contactLists.createRecords({ listId, records });

  async function token(
    family: Family = 'contactlists',
    form: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { tokenPath, tokenAuth } = FAMILIES[family];
    const isBasic = tokenAuth === 'basic';
    const body = {
      grant_type: 'client_credentials',
      ...(!isBasic && { client_id: 'a', client_secret: 'b' }),
      ...form,
    };
    const reply = await request('POST', tokenPath, {
      headers: isBasic ? { authorization: `Basic ${btoa('a:b')}` } : {},
      body: new URLSearchParams(body),
    });
    return (reply.body as { access_token: string }).access_token;
  }
  async function request(method: string, path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(new URL(path, url), { method, redirect: 'manual', ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  }
  /** Sends a token of the family contactlists. */
  async function api(method: string, path: string, body: unknown): Promise<Reply> {
    const headers = { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' };
    return request(method, path, { headers, body: JSON.stringify(body) });
  }
  return { url, cxone, impatient, create, token, request, api, admin: createAdminClient(url) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function familySettings(url: string): Record<Family, FamilySettings> {
  const settings = (family: Family): FamilySettings => ({
    url,
    addressSettings: '',
    tokenUrl: url + FAMILIES[family].tokenPath,
    clientId: 'a',
    clientSecret: { reveal: () => 'b' },
    ...FAMILIES[family],
  });
  return Object.fromEntries(FAMILY_NAMES.map((family) => [family, settings(family)])) as Record<
    Family,
    FamilySettings
  >;
}
