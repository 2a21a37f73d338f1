import fc from 'fast-check';
import { expect, it } from 'vitest';
import { contactIdProblem, toComparableId, toContactId, toGuid } from '../../src/domain/contact-id.ts';

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

it('characters that nobody sees, and the ways to write an accent, make no other id', () => {
  for (const text of [
    'I-1\u200e',
    '\ufeffI-1',
    'I\u200b-1',
    '\u202aI-1\u202c',
    'I-1\u00a0',
    'I\u00ad-\ufe0f1',
    // No-break hyphens of web pages, control characters of terminals and old databases, a blank of Braille.
    'I\u20111',
    'I\u20101',
    'I-1\u001a',
    '\u0002I-\u00811\u0003',
    '\u2800I-\ufff91',
  ]) {
    expect(toContactId(text)).toBe('I-1');
    expect(toComparableId(text)).toBe('i-1');
  }
  expect(toContactId('Zoe\u0308 1')).toBe(toContactId('Zo\u00eb\u00a01'));
  expect(toGuid(`\u200b{${GUID}}\u200f`)).toBe(GUID);
});

it.each([
  ...['1.00045E+11', '1,00045E+11', '1E+11', '-1.5e+3', '1.00045E11', '100045000001.0'],
  ...[
    '#N/A',
    '#NV',
    '#REF!',
    '#NAME?',
    '####',
    'NULL',
    '(null)',
    '\\N',
    'NaN',
    'None',
    'n/a',
    'undefined',
    '-',
  ],
  ...[`{${GUID}`, `${GUID}}`, 'a\ufffd', '', ' \u200b', '{}', '{ \u200b}'],
  ...['=1.00045E+11', '1.00045 E+11', '1\u066b00045E+11', '1001.0'],
  ...['#¡VALOR!', '#¿NOMBRE?', '#Н/Д', '#N/DISP', '#GETTING_DATA', 'Err:502', 'Fehler:508'],
  ...['{NULL}', '(blank)', '(Leer)', '[object Object]', 'n.a.', 'unknown', '...', '0', '0000'],
  '00000000-0000-0000-0000-000000000000',
])('%j is the id of nobody', (text) => {
  expect(contactIdProblem(text)?.code).toMatch(/^contact_id_(missing|not_exact|unreadable)$/);
});

it.each([
  '1E5-NORTH',
  '1E5',
  '100045000001',
  '12E-5',
  'A1',
  '{Crm-1}',
  GUID,
  'Null Island',
  '#1',
  '1.5',
  'nana',
  '007',
  'Err',
  '10.0',
])('%j may be an id', (text) => expect(contactIdProblem(text)).toBeNull());
