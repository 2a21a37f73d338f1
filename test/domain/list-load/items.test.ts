import { describe, expect, it } from 'vitest';
import type { ListItem as WireItem } from '../../../src/cxone/lists.wire.ts';
import { listMapProblems, resolveListColumns } from '../../../src/domain/list-load/columns.ts';
import { type ItemRules, MAX_ROW_CHARACTERS } from '../../../src/domain/list-load/items.ts';
import { readItem } from '../../../src/domain/list-load/read-item.ts';
import { maskItem } from '../../../src/domain/list-load/samples.ts';
import { type Row, RULES } from './rows.ts';

const PHONE = '+14155550101';

function read(row: Row, rules: Partial<ItemRules> = {}, map: Readonly<Record<string, string>> = {}) {
  return readItem(row, null, { ...RULES, ...rules }, map);
}

function itemOf(row: Row, rules: Partial<ItemRules> = {}, map: Readonly<Record<string, string>> = {}) {
  const result = read(row, rules, map);
  if ('reasons' in result) throw new Error(JSON.stringify(result.reasons));
  return result;
}

function codesOf(row: Row, rules: Partial<ItemRules> = {}): readonly (string | undefined)[][] {
  const result = read(row, rules);
  return 'reasons' in result ? result.reasons.map(({ code, field }) => [code, field]) : [];
}

const fieldsOf = (row: Row, map = {}) =>
  Object.fromEntries(itemOf(row, {}, map).item.fields.map(({ name, value }) => [name, value]));

describe('a row', () => {
  it('becomes an item with a field for each column that has a value', () => {
    const row = { 'Phone Number': ` ${PHONE} `, 'E-Mail': 'ann@example.com', plan: ' gold ', empty: ' ' };
    const sent: WireItem = itemOf(row).item;
    expect(sent).toEqual({
      deduplicationKeys: [{ name: 'phone_number', value: PHONE }],
      fields: [
        { name: 'phone_number', value: PHONE },
        { name: 'email', value: 'ann@example.com' },
        { name: 'plan', value: ' gold ' },
      ],
      priority: 5,
    });
  });

  it.each(['phone', 'phone1', 'Phone 1'])('%s is the phone number if no column is called so', (column) => {
    expect(fieldsOf({ [column]: PHONE, phone2: '+14155550102' })).toEqual({
      phone_number: PHONE,
      phone2: '+14155550102',
    });
    expect(fieldsOf({ phone_number: '+14155550103', [column]: PHONE })).toHaveProperty(
      'phone_number',
      '+14155550103',
    );
  });

  it('has its names by --map, and any column may be given any name', () => {
    const row = { Mobile: PHONE, Ort: 'Bern' };
    expect(fieldsOf(row, { phone_number: 'Mobile', city: 'Ort' })).toEqual({
      phone_number: PHONE,
      city: 'Bern',
    });
  });

  it('may have numbers and booleans, which become texts', () => {
    expect(fieldsOf({ phone_number: PHONE, n: 8.5, vip: true, zero: 0 })).toMatchObject({
      n: '8.5',
      vip: 'true',
      zero: '0',
    });
  });

  it('has its time in UTC for the order, and as it is for CXone', () => {
    const { updatedAt, item } = itemOf({ phone_number: PHONE, updated_at: '2026-01-02T09:00:00+01:00' });
    expect(updatedAt).toBe('2026-01-02T08:00:00.000Z');
    expect(item.fields).toContainEqual({ name: 'updated_at', value: '2026-01-02T09:00:00+01:00' });
  });

  it('has every reason why it is invalid', () => {
    const row = { phone: '(415) 555-0101', phone2: '+1415', updated_at: '01/02/2026', a: null, b: { c: 1 } };
    expect(codesOf({ ...row, id: 2 ** 53 })).toEqual([
      ['field_null', 'a'],
      ['field_nested', 'b'],
      ['number_not_exact', 'id'],
      ['phone_not_e164', 'phone'],
      ['phone_not_possible', 'phone2'],
      ['updated_at_not_a_date', 'updated_at'],
    ]);
  });

  it.each([
    'Ann <ann@example.com>',
    'a@x.com;b@x.com',
    'a@x.com, b@x.com',
    '+14155550101',
    'n/a',
    'ann@example.com\u200b',
  ])('is invalid with the email %j, which is not one address', (email) => {
    expect(read({ phone_number: PHONE, 'E-Mail': email })).toEqual({
      reasons: [
        {
          code: 'email_not_an_address',
          field: 'E-Mail',
          message: expect.stringContaining('write one address') as unknown,
        },
      ],
    });
    expect(codesOf({ phone_number: PHONE, note: email })).toEqual([]);
  });

  it('is invalid without any deduplication key, and valid with one of several', () => {
    const deduplicateBy = ['phone_number', 'contact_id'];
    expect(codesOf({ name: 'Ann' }, { deduplicateBy })).toEqual([
      ['deduplication_key_missing', 'phone_number'],
    ]);
    expect(codesOf({ contact_id: 'A1' }, { deduplicateBy })).toEqual([]);
    expect(itemOf({ contact_id: 'A1' }, { deduplicateBy }).item.deduplicationKeys).toEqual([
      { name: 'contact_id', value: 'A1' },
    ]);
  });

  it('is invalid with two keys of one name, and with two columns that become one field', () => {
    expect(codesOf({ phone_number: PHONE, email: 'a@example.com', 'E-Mail': 'b@example.com' })).toEqual([
      ['field_ambiguous', 'email'],
    ]);
    expect(read({ Mobile: PHONE, phone_number: '+14155550102' }, {}, { phone_number: 'Mobile' })).toEqual({
      reasons: [{ code: 'field_repeated', field: 'phone_number' }],
    });
  });

  it('is invalid if a name in the rules could be two of its fields, unless it is written exactly', () => {
    const row = { phone_number: PHONE, Plan: 'gold', PLAN: 'silver' };
    expect(codesOf(row)).toEqual([]);
    for (const rules of [
      { deduplicateBy: ['phone_number', 'plan'] },
      { schema: { required: ['plan'] } },
      { scoring: { base: 0, rules: [{ field: 'plan', equals: 'gold', add: 5 }] } },
    ])
      expect(codesOf(row, rules)).toEqual([['field_ambiguous', 'plan']]);
    const { keys } = itemOf(row, { deduplicateBy: ['Plan'] });
    expect(keys).toEqual(['field:["plan","gold"]']);
  });
});

describe('the limit of a row', () => {
  const ofLength = (length: number, unit = 'x') =>
    codesOf({ phone_number: PHONE, note: unit.repeat((length - PHONE.length) / unit.length) });

  it('counts the values of all fields, without their names, and nothing is shortened', () => {
    expect(ofLength(MAX_ROW_CHARACTERS)).toEqual([]);
    expect(ofLength(MAX_ROW_CHARACTERS + 1)).toEqual([['row_too_long', undefined]]);
    const note = 'x'.repeat(MAX_ROW_CHARACTERS - PHONE.length);
    expect(fieldsOf({ phone_number: PHONE, note })).toEqual({ phone_number: PHONE, note });
  });

  it('is in UTF-16 code units: a letter is one, whatever its alphabet, and an emoji two', () => {
    expect(ofLength(MAX_ROW_CHARACTERS, 'ж')).toEqual([]);
    expect(ofLength(MAX_ROW_CHARACTERS, '😀')).toEqual([]);
    expect(ofLength(MAX_ROW_CHARACTERS + 2, '😀')).toEqual([['row_too_long', undefined]]);
  });
});

describe('a row in the shape of the API', () => {
  const pairs = (...fields: readonly (readonly [unknown, unknown])[]) =>
    fields.map(([name, value]) => ({ name, value }));

  it('has its fields, and keys that are the same', () => {
    const fields = pairs(['phone_number', PHONE], ['visits', 3]);
    const keys = pairs(['phone_number', PHONE]);
    expect(itemOf({ fields }).item).toEqual(itemOf({ fields, deduplicationKeys: keys }).item);
    expect(itemOf({ fields }).item.fields).toEqual(pairs(['phone_number', PHONE], ['visits', '3']));
  });

  it('is invalid if its own keys differ from those of the run', () => {
    const fields = pairs(['phone_number', PHONE], ['email', 'ann@example.com']);
    const codes = (deduplicationKeys: unknown) => codesOf({ fields, deduplicationKeys });
    const differ = [['deduplication_keys_differ', 'deduplicationKeys']];
    expect(codes(pairs(['email', 'ann@example.com']))).toEqual(differ);
    expect(codes(pairs(['phone_number', '+14155550102']))).toEqual(differ);
    expect(codes(pairs(['phone_number', PHONE], ['email', 'ann@example.com']))).toEqual(differ);
    expect(codes('phone_number')).toContainEqual(['not_a_list', 'deduplicationKeys']);
  });

  it('is invalid with fields that have no name, no value, null, a nested value, or a name twice', () => {
    const fields = [
      ...pairs(['phone_number', PHONE], ['', 'x'], ['a', null], ['b', []], ['c', '1'], ['c', '2']),
      { name: 'd' },
      'e',
    ];
    expect(codesOf({ fields })).toEqual([
      ['not_a_field', 'fields[1]'],
      ['field_repeated', 'fields[5]'],
      ['not_a_field', 'fields[6]'],
      ['not_a_field', 'fields[7]'],
      ['field_null', 'a'],
      ['field_nested', 'b'],
    ]);
  });

  it('is invalid with other members, such as a priority of its own', () => {
    expect(codesOf({ fields: pairs(['phone_number', PHONE]), priority: 3 })).toEqual([
      ['member_unknown', 'priority'],
    ]);
  });

  it('may have a field of any name', () => {
    const fields = pairs(['phone_number', PHONE], ['__proto__', 'x'], ['constructor', 'y'], ['fields', 'z']);
    expect(itemOf({ fields }).item.fields).toEqual(fields);
  });
});

describe('a schema', () => {
  const schema = { allowed: ['phone_number', 'plan'], required: ['plan'] };
  it('refuses fields that it does not allow, and rows without one that it requires', () => {
    expect(codesOf({ phone_number: PHONE, city: 'Bern' }, { schema })).toEqual([
      ['field_not_allowed', 'city'],
      ['field_missing', 'plan'],
    ]);
    expect(codesOf({ Phone: PHONE, Plan: 'gold' }, { schema })).toEqual([]);
  });
});

describe('the columns of a source', () => {
  const problemsOf = (columns: readonly string[], rules: Partial<ItemRules> = {}, map = {}) => {
    const resolved = resolveListColumns(columns, map, { ...RULES, ...rules });
    return 'problems' in resolved ? resolved.problems : [];
  };

  it('need one for each key, for the score and for what the schema requires', () => {
    const rules = { deduplicateBy: ['phone_number', 'account'], scoring: { column: 'score' } };
    expect(problemsOf(['Mobile', 'name'], { ...rules, schema: { required: ['plan'] } })).toEqual([
      'No column for phone_number. The columns are: "Mobile", "name". Name yours: --map phone_number="Mobile"',
      expect.stringMatching(/^No column for account\b/),
      expect.stringMatching(/^No column for score\b/),
      expect.stringMatching(/^No column for plan\b/),
    ]);
    expect(
      problemsOf(['Phone', 'Account', 'Score', 'PLAN'], { ...rules, schema: { required: ['plan'] } }),
    ).toEqual([]);
  });

  it('must not be two for one field', () => {
    expect(problemsOf(['email', 'E-Mail', 'phone'])).toEqual([
      expect.stringContaining('Several columns could be email'),
    ]);
    const map = { phone_number: 'Mobile' };
    expect(problemsOf(['Mobile', 'phone_number'], {}, map)).toEqual([
      'Two columns would become the field "phone_number". Give the other one a name of its own: --map other_name="phone_number"',
    ]);
    expect(problemsOf(['Mobile', 'phone_number'], {}, { ...map, old_number: 'phone_number' })).toEqual([]);
  });

  it('must not be two for a name in the rules, unless it is written exactly or mapped', () => {
    const columns = ['phone', 'Plan', 'PLAN'];
    expect(problemsOf(columns)).toEqual([]);
    const message =
      'Several columns could be "plan": "Plan", "PLAN". Write one of these names exactly, or choose one: --map plan="Plan"';
    expect(problemsOf(columns, { deduplicateBy: ['plan'] })).toEqual([message]);
    expect(problemsOf(columns, { scoring: { column: 'plan' } })).toEqual([message]);
    expect(problemsOf(columns, { deduplicateBy: ['PLAN'] })).toEqual([]);
    expect(problemsOf(columns, { deduplicateBy: ['plan'] }, { plan: 'PLAN' })).toEqual([]);
    expect(problemsOf(['phone', 'email', 'E-Mail'], { deduplicateBy: ['Email'] })).toEqual([
      expect.stringContaining('Several columns could be email'),
    ]);
  });

  it('must be allowed by the schema', () => {
    expect(problemsOf(['phone', 'ssn'], { schema: { allowed: ['phone_number'] } })).toEqual([
      expect.stringContaining('does not allow "ssn"'),
    ]);
  });

  it('are not named where a history keeps the message', () => {
    const rules = { ...RULES, schema: { allowed: ['phone_number'] } };
    const resolved = resolveListColumns(['+14155550101', 'Ann'], {}, rules, 'history');
    expect(JSON.stringify(resolved)).not.toMatch(/4155550101|Ann/);
  });

  it('of a map must exist', () => {
    expect(listMapProblems(['a'], { phone_number: 'b' })).toEqual([
      'The source has no column "b" for phone_number',
    ]);
    expect(listMapProblems(null, { phone_number: 'b' })).toEqual([]);
  });
});

describe('a sample', () => {
  it('shows nothing of a person', () => {
    const { item } = itemOf({
      phone: PHONE,
      email: 'ann@example.com',
      name: 'Annabel Smith',
      zip: '123',
      last_contact_days: '10',
    });
    expect(maskItem(item).map(({ name, value }) => `${name}=${value}`)).toEqual([
      'phone_number=+1…01',
      'email=a…@…',
      'name=A…',
      'zip=…',
      'last_contact_days=10',
    ]);
  });
});
