/** The admin API for tests, benchmarks and checkers: one method a route. */
import type { ContactRecord } from '../cxone/contact-lists.wire.ts';
import type { PreferenceItem, StoredPreference } from '../cxone/preferences.wire.ts';
import type { Family } from './families.ts';
import type { FaultRule } from './faults.ts';
import type { JournalEntry, JournalItem } from './journal.ts';
import type { Edit } from './outbound.editors.ts';
import type { Campaign, CampaignEntry } from './outbound.state.ts';
import type { PreferenceEntry } from './preferences.state.ts';
import type { Settings } from './settings.ts';
import type { RequestLine, Stats } from './stats.ts';
import type { ReceivedWebhook } from './webhooks.routes.ts';

export interface Health {
  readonly ok: true;
  readonly pid: number;
  readonly seed: number;
  /** Numbers given in the journal. */
  readonly applied: number;
  /** List id → records in it. */
  readonly lists: Readonly<Record<string, number>>;
  readonly settings: Settings;
}
export interface JournalFilter {
  readonly family?: Family;
  readonly list?: string;
  /** First n. Default 1. */
  readonly from?: number;
}

/** Errors: Error with method, path, status and the simulator's message. */
export function createAdminClient(url: string) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const init = { method, ...(body !== undefined && jsonBody(body)) };
    const response = await fetch(new URL(path, url), init);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
  async function journal<Entry>(filter: JournalFilter): Promise<Entry[]> {
    const all: Entry[] = [];
    for (let from: number | null = filter.from ?? 1; from !== null; ) {
      const path = `/_sim/journal?${query({ ...filter, from })}`;
      const page: { entries: Entry[]; next: number | null } = await call('GET', path);
      for (const entry of page.entries) all.push(entry);
      from = page.next;
    }
    return all;
  }
  return {
    health: () => call<Health>('GET', '/_sim/health'),
    /** All of it, however long; with the type of the contact lists' entries. */
    journal: (filter: JournalFilter = {}) => journal<JournalEntry>(filter),
    /** Of the preferences. */
    preferenceJournal: () => journal<PreferenceEntry>({ family: 'preferences' }),
    stats: () => call<Stats>('GET', '/_sim/stats'),
    requests: (limit = 1000) => call<RequestLine[]>('GET', `/_sim/requests?limit=${limit}`),
    setFaults: (rules: readonly FaultRule[]) => call<unknown>('POST', '/_sim/faults', rules),
    clearFaults: () => call<unknown>('DELETE', '/_sim/faults'),
    /** How often each rule matched and struck. */
    faults: () => call<{ matches: number; strikes: number }[]>('GET', '/_sim/faults'),
    /** Creates the list; duplicates are left out. */
    seedList: (listId: string, records: readonly ContactRecord[] = []) =>
      call<{ created: number; recordIds: string[] }>('POST', listPath(listId), { records }),
    /** One page of what is in a list now. */
    records: (listId: string, { offset = 0, limit = 1000 } = {}) =>
      call<{ total: number; records: JournalItem[] }>(
        'GET',
        `${listPath(listId)}/records?${query({ offset, limit })}`,
      ),
    /** Puts preferences there, whatever is stored for their contact and channel. */
    seedPreferences: (items: readonly PreferenceItem[]) =>
      call<{ seeded: number }>('POST', '/_sim/preferences', { items }),
    /** One page of what is stored now, of one contact perhaps. */
    preferences: (filter: { contactId?: string; offset?: number; limit?: number } = {}) =>
      call<{ total: number; preferences: StoredPreference[] }>('GET', `/_sim/preferences?${query(filter)}`),
    /** What a campaign is now, and how many edits third parties have made at its moments. */
    campaign: (id: string) => call<{ campaign: Campaign | null; edits: number }>('GET', campaignPath(id)),
    /** A document or parts of one; the rest is as the simulator makes them up. Of the version 1 unless it says another. */
    seedCampaign: (id: string, document: Readonly<Record<string, unknown>> = {}) =>
      call<Campaign>('POST', campaignPath(id), document),
    editCampaign: (id: string, edit: Edit) => call<unknown>('POST', `${campaignPath(id)}/edits`, edit),
    endEdits: (id: string) => call<unknown>('DELETE', `${campaignPath(id)}/edits`),
    /** Every version of the campaigns, in order. */
    campaignJournal: async (id?: string) =>
      (await journal<CampaignEntry>({ family: 'outbound' })).filter(
        (e) => (id ?? e.campaignId) === e.campaignId,
      ),
    change: (settings: Partial<Settings>) => call<Settings>('POST', '/_sim/settings', settings),
    revokeTokens: () => call<{ revoked: number }>('POST', '/_sim/tokens/revoke'),
    webhooks: (name: string) => call<ReceivedWebhook[]>('GET', `/_sim/webhooks/${encodeURIComponent(name)}`),
    /** Where the CRM's webhooks may be sent to, to be seen by `webhooks(name)`. */
    webhookUrl: (name: string) => new URL(`/_sim/webhooks/${encodeURIComponent(name)}`, url).href,
  };
}
export type AdminClient = ReturnType<typeof createAdminClient>;

function jsonBody(body: unknown) {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function campaignPath(id: string): string {
  return `/_sim/outbound/campaigns/${encodeURIComponent(id)}`;
}

function listPath(listId: string): string {
  return `/_sim/lists/${encodeURIComponent(listId)}`;
}

function query(values: Readonly<Record<string, unknown>>): string {
  return new URLSearchParams(
    Object.entries(values).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}
