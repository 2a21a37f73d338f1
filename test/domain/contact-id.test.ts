import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toComparableId, toContactId, toGuid } from '../../src/domain/contact-id.ts';

const GUID = '8d1e4b7a-2c63-4f90-b5a8-6e0f3d92c714';
/** The ways in which an id is written by one system or another. */
const written = (id: string) => [id, id.toUpperCase(), `{${id}}`, `{${id.toUpperCase()}}`, ` { ${id}\t} `];

it('a GUID has one form, however it is written', () => {
  for (const text of written(GUID)) {
    expect(toGuid(text)).toBe(GUID);
    expect(toContactId(text)).toBe(GUID);
    expect(toComparableId(text)).toBe(GUID);
  }
  for (const text of ['', 'crm-1', `{${GUID}`, `${GUID}}`, `{{${GUID}}}`, GUID.slice(1), `${GUID}0`])
    expect(toGuid(text), text).toBeNull();
});

it('an id of another kind keeps its form, and is compared regardless of case and braces', () => {
  expect(toContactId(' {Crm-1} ')).toBe('{Crm-1}');
  for (const text of written('crm-1')) expect(toComparableId(text)).toBe('crm-1');
  expect(toComparableId('crm-1 ')).not.toBe(toComparableId('crm-2'));
});

it('what is compared equal stays equal (property)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(toComparableId(toContactId(text))).toBe(toComparableId(text));
      expect(toContactId(toContactId(text))).toBe(toContactId(text));
    }),
  );
});
