/** Client of the admin API, for tests and benchmarks: one method per route. */
import type { ContactRecord } from '../cxone/contact-lists.wire.ts';
import type { Family } from '../cxone/families.wire.ts';
import type { PreferenceItem, StoredPreference } from '../cxone/preferences.wire.ts';
import { createEmailAdminClient } from './email.admin-client.ts';
import type { FaultRule } from './faults.ts';
import type { JournalEntry, JournalItem } from './journal.ts';
import { createListsAdminClient } from './lists.admin-client.ts';
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
  /** Number of journal entries. */
  readonly applied: number;
  /** List id → number of records. */
  readonly lists: Readonly<Record<string, number>>;
  readonly settings: Settings;
}
export interface JournalFilter {
  readonly family?: Family;
  readonly list?: string;
  /** The first `n` to return; default 1. */
  readonly from?: number;
}

/** Errors name the method, the path, the status and the simulator's message. */
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
    /** All entries, page by page; typed as entries of contact lists. */
    journal: (filter: JournalFilter = {}) => journal<JournalEntry>(filter),
    preferenceJournal: () => journal<PreferenceEntry>({ family: 'preferences' }),
    stats: () => call<Stats>('GET', '/_sim/stats'),
    requests: (limit = 1000) => call<RequestLine[]>('GET', `/_sim/requests?limit=${limit}`),
    setFaults: (rules: readonly FaultRule[]) => call<unknown>('POST', '/_sim/faults', rules),
    clearFaults: () => call<unknown>('DELETE', '/_sim/faults'),
    /** How many requests each rule matched, and into how many it injected its fault. */
    faults: () => call<{ matches: number; injected: number }[]>('GET', '/_sim/faults'),
    /** Creates the list if necessary and adds the records, except duplicates. */
    seedList: (listId: string, records: readonly ContactRecord[] = []) =>
      call<{ created: number; recordIds: string[] }>('POST', listPath(listId), { records }),
    /** One page of a list's current records. */
    records: (listId: string, { offset = 0, limit = 1000 } = {}) =>
      call<{ total: number; records: JournalItem[] }>(
        'GET',
        `${listPath(listId)}/records?${query({ offset, limit })}`,
      ),
    /** Stores preferences unconditionally, even if a newer one exists for the contact and channel. */
    seedPreferences: (items: readonly PreferenceItem[]) =>
      call<{ seeded: number }>('POST', '/_sim/preferences', { items }),
    /** One page of the stored preferences, optionally of one contact. */
    preferences: (filter: { contactId?: string; offset?: number; limit?: number } = {}) =>
      call<{ total: number; preferences: StoredPreference[] }>('GET', `/_sim/preferences?${query(filter)}`),
    /** The campaign as it is now, and how many edits by third parties have been made so far (without those of `now`). */
    campaign: (id: string) => call<{ campaign: Campaign | null; edits: number }>('GET', campaignPath(id)),
    /** Creates or replaces a campaign. Fields that `document` lacks get defaults; the default version is 1. */
    seedCampaign: (id: string, document: Readonly<Record<string, unknown>> = {}) =>
      call<Campaign>('POST', campaignPath(id), document),
    editCampaign: (id: string, edit: Edit) => call<unknown>('POST', `${campaignPath(id)}/edits`, edit),
    endEdits: (id: string) => call<unknown>('DELETE', `${campaignPath(id)}/edits`),
    /** All versions of one campaign, or of all, in order. */
    campaignJournal: async (id?: string) =>
      (await journal<CampaignEntry>({ family: 'outbound' })).filter(
        (e) => (id ?? e.campaignId) === e.campaignId,
      ),
    change: (settings: Partial<Settings>) => call<Settings>('POST', '/_sim/settings', settings),
    ...createListsAdminClient(call, journal),
    ...createEmailAdminClient(call, journal),
    revokeTokens: () => call<{ revoked: number }>('POST', '/_sim/tokens/revoke'),
    webhooks: (name: string) => call<ReceivedWebhook[]>('GET', `/_sim/webhooks/${encodeURIComponent(name)}`),
    /** The address of a webhook receiver; `webhooks(name)` returns what it received. */
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
