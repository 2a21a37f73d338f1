/** Small sources of made-up leads for list loads. */

import type { ListLoadResult } from '../../src/contract/list-load.ts';
import type { ListItem } from '../../src/cxone/lists.ts';
import { csv } from './contacts.ts';
import type { Ended, Stand } from './stand.ts';

export interface Lead {
  readonly contact_id: string;
  readonly phone_number: string;
  readonly email: string;
  readonly last_contact_days: number;
  readonly engagement_rating: string;
  readonly customer_status: string;
}

const DAYS = [5, 30, 120] as const;
const RATINGS = ['HIGH', '', 'low'] as const;
const STATUSES = ['ACTIVE', 'PROSPECT'] as const;

/** The same n is the same person in every file. Eighteen in a row have all combinations of what the rules look at. */
export function leadAt(n: number, change: Partial<Lead> = {}): Lead {
  return {
    contact_id: `lead-${n}`,
    phone_number: phoneOf(n),
    email: `lead-${n}@example.com`,
    last_contact_days: DAYS[n % 3] as number,
    engagement_rating: RATINGS[Math.floor(n / 3) % 3] as string,
    customer_status: STATUSES[Math.floor(n / 9) % 2] as string,
    ...change,
  };
}

/** Leads `from` to `to`, both included. */
export const leads = (from: number, to: number): Lead[] =>
  Array.from({ length: to - from + 1 }, (_, i) => leadAt(from + i));

/** Fictitious, and none of those that a new simulator suppresses. */
export const phoneOf = (n: number): string => `+1415555${String(n).padStart(4, '0')}`;

/** An item about the lead that somebody else has loaded. */
export function seededItem(n: number): ListItem {
  const phone = { name: 'phone_number', value: phoneOf(n) };
  return { deduplicationKeys: [phone], fields: [phone], priority: 5 };
}

export type PrintedLoad = ListLoadResult & {
  readonly failure: { readonly type: string; readonly message: string } | null;
};

/** `list load` of a file with these rows, to the end; campaign `C1` unless `more` names another. */
export async function load(
  stand: Stand,
  listId: string,
  rows: readonly object[],
  ...more: string[]
): Promise<Ended & { document: PrintedLoad }> {
  stand.file(`${listId}.csv`, csv(rows));
  const campaign = more.includes('--campaign') ? [] : ['--campaign', 'C1'];
  return stand.json(['list', 'load', `${listId}.csv`, '--list', listId, ...campaign, ...more]);
}
