/** Rows become recipients, or have every reason why not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recipientMapProblems, resolveRecipientColumns } from '../../../src/domain/email-send/columns.ts';
import { createRecipientReader } from '../../../src/domain/email-send/recipients.ts';
import { messageOf, readCsv, readRow, reasonsOf, recipientOf } from './messages.ts';

const EMAIL = 'ann@example.com';
const GUID = '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed';

describe('a row', () => {
  it('becomes a recipient, with every other column as a merge field', () => {
    const csv =
      'Contact ID,E-Mail,Tags,First Name,plan\n{1B9D6BCD-BBFD-4B2D-9B5D-AB8DFBBD4BED}, Ann@Example.com , vip; spring;;vip,  Ann ,\n';
    expect(readCsv(csv, messageOf({ tags: ['all', 'vip'] }))).toEqual([
      {
        line: 2,
        read: {
          record: {
            contactId: GUID,
            toAddress: 'Ann@Example.com',
            mergeFields: { 'First Name': '  Ann ', plan: '' },
            tags: ['all', 'vip', 'spring'],
          },
          mailbox: EMAIL,
        },
      },
    ]);
  });

  it.each(['emailAddress', 'email', 'toAddress', 'E-Mail', 'Email Address', 'to_address'])(
    'has its address in %s',
    (column) => {
      expect(recipientOf({ [column]: EMAIL })).toEqual({
        contactId: null,
        toAddress: EMAIL,
        mergeFields: {},
        tags: [],
      });
    },
  );

  it('has only the declared merge fields, by their declared names, with fallbacks', () => {
    const mergeFields = ['firstName|there', 'plan', 'note|'];
    const row = { email: EMAIL, 'First Name': ' ', PLAN: 'gold', note: '', secret: null, more: { a: 1 } };
    expect(recipientOf(row, { mergeFields }).mergeFields).toEqual({
      firstName: 'there',
      plan: 'gold',
      note: '',
    });
    expect(recipientOf({ email: EMAIL, plan: 'gold' }, { mergeFields }).mergeFields).toEqual({
      firstName: 'there',
      plan: 'gold',
      note: '',
    });
  });

  it('is invalid without a value for a merge field that has no fallback', () => {
    const mergeFields = ['firstName', 'plan', 'city|here'];
    const given = { email: EMAIL, firstName: '\u00a0', city: '' };
    expect(readRow(given, { mergeFields })).toEqual({
      reasons: [
        { code: 'merge_field_missing', field: 'firstName', message: expect.any(String) as unknown },
        { code: 'merge_field_missing', field: 'plan', message: expect.any(String) as unknown },
      ],
    });
  });

  it('has its fields by --map', () => {
    const row = { Mail: EMAIL, email: 'other', Kunde: GUID, Tarif: 'gold', Labels: 'a;b' };
    const map = { emailAddress: 'Mail', contactId: 'Kunde', tags: 'Labels', plan: 'Tarif' };
    expect(recipientOf(row, { mergeFields: ['plan'] }, map)).toEqual({
      contactId: GUID,
      toAddress: EMAIL,
      mergeFields: { plan: 'gold' },
      tags: ['a', 'b'],
    });
    expect(recipientOf(row, {}, { ...map, city: 'Nowhere' }).mergeFields).toEqual({
      email: 'other',
      plan: 'gold',
    });
    expect(recipientOf({ Mail: EMAIL }, {}, { email: 'Mail' }).toAddress).toBe(EMAIL);
  });

  it('may show the address or the contact id in the template', () => {
    const row = { email: EMAIL, contactId: 'A-1' };
    expect(recipientOf(row, { mergeFields: ['email', 'contact_id'] }).mergeFields).toEqual({
      email: EMAIL,
      contact_id: 'A-1',
    });
    expect(recipientOf({ Mail: EMAIL }, { mergeFields: ['email'] }, { email: 'Mail' }).mergeFields).toEqual({
      email: EMAIL,
    });
  });

  it('of JSON may have the shape of the API', () => {
    const row = {
      toAddress: EMAIL,
      mergeFields: { firstName: 'Ann', x: '' },
      tags: [' vip ', 'a;b'],
      plan: 'gold',
    };
    expect(recipientOf(row)).toEqual({
      contactId: null,
      toAddress: EMAIL,
      mergeFields: { plan: 'gold', firstName: 'Ann', x: '' },
      tags: ['vip', 'a;b'],
    });
    const mergeFields = ['first_name', 'plan'];
    expect(recipientOf(row, { mergeFields }).mergeFields).toEqual({ first_name: 'Ann', plan: 'gold' });
  });

  it('of JSON has numbers and booleans, which become exact texts', () => {
    const row = { email: EMAIL, contactId: 4711, n: 8.5, vip: true, off: false, zero: 0, big: 2 ** 53 - 1 };
    expect(recipientOf(row)).toMatchObject({
      contactId: '4711',
      mergeFields: { n: '8.5', vip: 'true', off: 'false', zero: '0', big: '9007199254740991' },
    });
  });

  it('has every reason why it is invalid, and none of its values in them', () => {
    const row = {
      email: 'secret@@example.com',
      contactId: 'sec\nret',
      tags: 'ok;se\ncret',
      plan: null,
      city: { secret: 1 },
      n: 2 ** 53,
      mergeFields: { x: 7, y: null, zip: 'secret' },
      zip: 'secret',
    };
    const mergeFields = ['plan', 'city', 'n', 'x', 'y', 'zip', 'missing'];
    const read = readRow(row, { mergeFields });
    expect(reasonsOf(read)).toEqual([
      ['email_not_an_address', 'email'],
      ['contact_id_invalid', 'contactId'],
      ['tag_invalid', 'tags'],
      ['field_null', 'plan'],
      ['field_nested', 'city'],
      ['number_not_exact', 'n'],
      ['merge_field_not_text', 'mergeFields.x'],
      ['merge_field_not_text', 'mergeFields.y'],
      ['field_repeated', 'mergeFields.zip'],
      ['merge_field_missing', 'missing'],
    ]);
    expect(JSON.stringify(read)).not.toContain('secret');
  });

  it.each([
    [{ email: EMAIL, toAddress: 'b@example.com' }, [['field_ambiguous', 'emailAddress']]],
    [{ email: EMAIL, 'E-Mail': 'b@example.com' }, [['field_ambiguous', 'email']]],
    [{ name: 'Ann' }, [['email_missing', 'emailAddress']]],
    [{ email: null }, [['field_null', 'email']]],
    [{ email: [EMAIL] }, [['field_nested', 'email']]],
    [{ email: EMAIL, contactId: true }, [['contact_id_not_text', 'contactId']]],
    [{ email: EMAIL, contactId: null }, [['field_null', 'contactId']]],
    [{ email: EMAIL, tags: [1] }, [['tags_not_texts', 'tags']]],
    [{ email: EMAIL, tags: { a: 1 } }, [['field_nested', 'tags']]],
    [{ email: EMAIL, mergeFields: 'x' }, [['merge_fields_not_an_object', 'mergeFields']]],
    [{ email: EMAIL, mergeFields: null }, [['merge_fields_not_an_object', 'mergeFields']]],
    [{ email: EMAIL, ' ': 'x' }, [['field_without_name', undefined]]],
    [{ email: EMAIL, note: 'x'.repeat(10_001) }, [['merge_field_invalid', 'note']]],
  ])('%j is invalid', (row, reasons) => {
    expect(reasonsOf(readRow(row))).toEqual(reasons);
  });
});

describe('the subject, after merging', () => {
  const message = { subject: 'Hi {{firstName}}', mergeFields: ['firstName', 'note'] };

  it.each(['a\r\nBcc: x@example.com', 'a\nb', 'a\0', 'a\u0085', 'a\u2029', 'a\u202e'])(
    'has no control characters or line breaks: %j',
    (firstName) => {
      const read = readRow({ email: EMAIL, firstName, note: 'x' }, message);
      expect(reasonsOf(read)).toEqual([['merge_field_invalid', 'firstName']]);
      if (firstName !== 'a\0')
        expect(recipientOf({ email: EMAIL, firstName: 'Ann', note: firstName }, message).mergeFields).toEqual(
          {
            firstName: 'Ann',
            note: firstName,
          },
        );
    },
  );

  it('has at most 998 characters', () => {
    const fits = { email: EMAIL, firstName: '😀'.repeat(995), note: 'x' };
    expect(recipientOf(fits, message).mergeFields.firstName).toBe(fits.firstName);
    expect(readRow({ ...fits, firstName: 'x'.repeat(996) }, message)).toEqual({
      reasons: [
        {
          code: 'subject_invalid',
          message: 'with its values, the subject must have at most 998 characters, but has 999',
        },
      ],
    });
  });

  it('is not blank', () => {
    const blank = { subject: '{{firstName}}', mergeFields: ['firstName|'] };
    expect(reasonsOf(readRow({ email: EMAIL }, blank))).toEqual([['subject_invalid', undefined]]);
  });
});

describe('the columns', () => {
  const COLUMNS = ['contactId', 'email', 'firstName', 'plan', 'company'];
  const message = messageOf({ mergeFields: ['firstName|there', 'plan', 'compnay'] });

  it('are one problem if they lack a declared merge field without fallback', () => {
    expect(recipientMapProblems(COLUMNS, {}, message)).toEqual([
      '{{compnay}} is in no column; the columns are "contactId", "email", "firstName", "plan", "company". ' +
        'Perhaps it should be {{company}}. Correct the name, name the column (--map "compnay"="company"), or give the field a fallback in mergeFields',
    ]);
    expect(recipientMapProblems(COLUMNS, { compnay: 'company' }, message)).toEqual([]);
    expect(recipientMapProblems(COLUMNS, {}, messageOf({ mergeFields: ['compnay|you'] }))).toEqual([]);
    expect(recipientMapProblems(COLUMNS, {}, messageOf())).toEqual([]);
    const [kept] = recipientMapProblems(['bob@example.com', 'email'], {}, message, 'history');
    expect(kept).toMatch(/^\{\{plan\}\} is in no column\. Is the first line a header\?/);
    expect(kept).not.toContain('bob');
  });

  it('are known only row by row in NDJSON and JSON', () => {
    expect(recipientMapProblems(null, {}, message)).toEqual([]);
    expect(recipientMapProblems(null, { plan: 'Tarif' }, message)).toEqual([]);
  });

  it.each([
    [
      ['name', 'Mail'],
      {},
      'No column for emailAddress. The columns are: "name", "Mail". Name yours: --map emailAddress="Mail"',
    ],
    [
      ['email', 'toAddress'],
      {},
      'Several columns could be emailAddress: "email", "toAddress". Choose one: --map emailAddress="email"',
    ],
    [['email', 'E-Mail'], {}, 'Several columns could be email: "email", "E-Mail"'],
    [['email'], { contactId: 'id' }, 'The source has no column "id" for contactId'],
    [['email', 'a', 'plan'], { plan: 'a' }, 'Two columns would become the merge field "plan"'],
  ])('%j with the map %j are a problem', (columns, map, problem) => {
    expect(recipientMapProblems(columns, map, messageOf())).toEqual([expect.stringContaining(problem)]);
  });

  it('are mapped to declared merge fields only, if there are any', () => {
    expect(recipientMapProblems(COLUMNS, { city: 'company' }, messageOf({ mergeFields: ['plan'] }))).toEqual([
      'There is no field "city" to map a column to. The fields are: emailAddress, email, toAddress, contactId, tags, plan',
    ]);
    expect(recipientMapProblems(COLUMNS, { city: 'company' }, messageOf())).toEqual([]);
    // Before the message is known.
    expect(recipientMapProblems(COLUMNS, { city: 'company' })).toEqual([]);
    expect(recipientMapProblems(COLUMNS, { city: 'nowhere' })).toHaveLength(1);
  });
});

describe('reading', () => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.jsonValue(),
    fc.constantFrom(EMAIL, Number.NaN, Infinity, undefined, 1n, Symbol('x'), () => 1),
  );
  const key = fc.oneof(
    fc.constantFrom(
      'email',
      'E-Mail',
      'contactId',
      'tags',
      'mergeFields',
      'plan',
      '__proto__',
      'constructor',
    ),
    fc.string(),
  );

  it('always ends in a recipient with texts only, or in reasons', () => {
    const messages = [messageOf(), messageOf({ subject: '{{plan}}', mergeFields: ['plan', '__proto__|x'] })];
    fc.assert(
      fc.property(fc.dictionary(key, cell), fc.constantFrom(...messages), (fields, message) => {
        const read = createRecipientReader({ columns: null, message })({ email: EMAIL, ...fields });
        if ('reasons' in read) return read.reasons.length > 0;
        const { contactId, toAddress, mergeFields, tags } = read.record;
        const texts = [contactId ?? '', toAddress, ...Object.values(mergeFields), ...tags];
        return texts.every((text) => typeof text === 'string');
      }),
    );
  });

  it('gives every recipient every declared field, and never an empty one by accident', () => {
    const mergeFields = ['plan', 'city|here'];
    const value = fc.oneof(fc.string(), fc.constantFrom('', ' ', '\u00a0'));
    fc.assert(
      fc.property(fc.record({ plan: value, city: value }, { requiredKeys: [] }), (values) => {
        const read = readRow({ email: EMAIL, ...values }, { mergeFields });
        const isGiven = (text = '') => text.trim() !== '';
        if (!isGiven(values.plan)) expect(reasonsOf(read)).toEqual([['merge_field_missing', 'plan']]);
        else if ('record' in read)
          expect(read.record.mergeFields).toEqual({
            plan: values.plan,
            city: isGiven(values.city) ? values.city : 'here',
          });
      }),
    );
  });

  it('is the same for a header and for keys', () => {
    const message = messageOf({ mergeFields: ['firstName|there', 'plan'] });
    const columns = ['contactId', 'email', 'tags', 'First Name', 'PLAN'];
    const resolved = resolveRecipientColumns(columns, {}, message);
    if ('problems' in resolved) throw new Error(resolved.problems.join());
    const texts = fc.tuple(...columns.map(() => fc.string()));
    fc.assert(
      fc.property(texts, (cells) => {
        const fields = Object.fromEntries(columns.map((column, at) => [column, cells[at]]));
        const row = { ...fields, email: EMAIL };
        expect(createRecipientReader({ columns: resolved.columns, message })(row)).toEqual(
          createRecipientReader({ columns: null, message })(row),
        );
      }),
    );
  });
});
