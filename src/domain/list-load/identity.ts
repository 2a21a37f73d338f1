/**
 * Who an item is about: what makes two rows the same, and what a suppression list is compared with. Several spellings of one
 * number, address or id are one (docs/list-load.md#suppression). Pure.
 */
import { normalizeName } from '../columns.ts';
import { toContactId } from '../contact-id.ts';
import { identifiersOfId, peopleIn, toPerson } from '../identifiers.ts';
import type { Field, ListItem } from './items.ts';

/**
 * The people behind an item: `phone:+14155550101`, `email:ann@example.com`, `contact:…`. Every value counts that has a phone
 * number with its country code or an email address, whatever its field is called, because a suppression must not depend on the
 * name of a column.
 */
export function identifiersOf({ fields }: Pick<ListItem, 'fields'>): readonly string[] {
  const found = fields.flatMap(({ name, value }) =>
    name === 'contact_id' ? identifiersOfId(value) : peopleIn(value),
  );
  return [...new Set(found)];
}

/**
 * A deduplication key in the form in which rows are compared. A phone number in E.164 or an email address is the same key in
 * every field, so that the first number of one row and the second of another are one. Any other value counts within its
 * own field.
 */
export function toKey({ name, value }: Field): string {
  return toPerson(value) ?? `field:${JSON.stringify([normalizeName(name), toContactId(value)])}`;
}

/** What a key is, without its value: `phone number`, `email address`, or the name of its field. */
export function nameOfKey(key: string): string {
  if (key.startsWith('phone:')) return 'phone number';
  if (key.startsWith('email:')) return 'email address';
  const [name] = JSON.parse(key.slice('field:'.length)) as [string];
  return name;
}
