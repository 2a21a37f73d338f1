/** Samples of items for a person to judge a plan by, without what identifies anybody. Pure. */
import { maskValue } from '../mask.ts';
import type { Field, ListItem } from './items.ts';

/** Says nothing about who the person is. */
const SHOWN: ReadonlySet<string> = new Set([
  'updated_at',
  'last_contact_days',
  'engagement_rating',
  'customer_status',
]);

/** The fields of an item with their values hidden, except for what shows that they are in the right column. */
export function maskItem({ fields }: Pick<ListItem, 'fields'>): readonly Field[] {
  return fields.map(({ name, value }) => ({ name, value: SHOWN.has(name) ? value : maskValue(value) }));
}
