import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readChoiceWords } from '../../src/domain/preference-update/decision.ts';
import { COURTESY_WORDS, NO_WORDS, YES_WORDS } from '../../src/domain/preference-update/decision-words.ts';
import { readPreference } from '../../src/domain/preference-update/preferences.ts';

const NOW = new Date('2026-11-20T12:00:00.000Z');
const ID = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';
const OBJECTION = {
  contactId: ID,
  channel: 'sms',
  optIn: 'STOP',
  consentTimestamp: '2026-05-01',
  withdrawalTimestamp: '2026-11-12T15:00:00Z',
  regulatoryRegion: 'TCPA',
  source: 'sms-log',
};
const read = (change: Record<string, unknown>) => readPreference({ ...OBJECTION, ...change }, null, NOW);
/** `code message` of each reason. */
function reasonsOf(change: Record<string, unknown>): string[] {
  const result = read(change);
  return 'reasons' in result ? result.reasons.map(({ code, message }) => `${code} ${message}`) : [];
}
const ALL_NO = Object.values(NO_WORDS).flat();

describe('the words of a decision', () => {
  it.each([
    ...[
      'STOP',
      'stopall',
      'Stop All',
      'CANCEL',
      'End',
      'QUIT',
      'REVOKE',
      'STOP please',
      'Stop.',
      'please stop!',
    ],
    ...[
      'FALSCH',
      'FAUX',
      'nein',
      'NON',
      'no.',
      'false;',
      '"no"',
      "'no",
      'NÃO',
      'nao',
      'HAYIR',
      'hayır',
      'FAŁSZ',
    ],
    ...[
      'ложь',
      'НЕТ',
      'EPÄTOSI',
      '\u200bSTOP\u200e',
      'st\u200bop',
      'ＳＴＯＰ',
      'no\u00a0',
      '0',
      '0;',
      'opt-out',
    ],
    ...['Arrêt', 'ARRE\u0302T', "don't call", 'do not contact'],
  ])('%j says no', (text) => expect(readChoiceWords(text)).toBe('no'));

  it.each(['WAHR', 'VRAI', 'Ja', 'sí', 'SI\u0301', 'yes', '1', ' TRUE\u00a0', '\ufeffyes', 'DOĞRU'])(
    '%j says yes',
    (text) => expect(readChoiceWords(text)).toBe('yes'),
  );

  it.each([
    'no thanks, stop texting me',
    'I want out',
    'not now',
    'stop at once',
    '0.0',
    '0,00',
    'does not want calls',
  ])('%j has a word that says no', (text) => expect(readChoiceWords(text)).toBe('mixed'));

  it.each(['HELP', 'START', 'UNSTOP', '-1', '2', 'yes?', 'perhaps', 'TRUE TRUE', 'x', '-'])(
    '%j is for a person to read',
    (text) => expect(readChoiceWords(text)).toBe('unclear'),
  );

  it.each(['', ' ', '\u00a0', '\u200b'])('%j is missing', (text) =>
    expect(readChoiceWords(text)).toBe('missing'),
  );

  it('say no however they are written, and never both yes and no', () => {
    const around = fc.constantFrom('', ' ', '.', '!', ';', ' please', '\u200b', '\u00a0', '"');
    const write = fc.constantFrom(
      (text: string) => text,
      (text: string) => text.toUpperCase(),
      (text: string) => text.normalize('NFD'),
    );
    fc.assert(
      fc.property(fc.constantFrom(...ALL_NO), around, around, write, (word, before, after, form) => {
        expect(readChoiceWords(`${before} ${form(word)}${after}`)).toBe('no');
      }),
    );
    for (const yes of YES_WORDS) expect([yes, readChoiceWords(yes)]).toEqual([yes, 'yes']);
    expect(COURTESY_WORDS.map(readChoiceWords).filter((decision) => decision !== 'unclear')).toEqual([]);
  });

  it('are those of the documentation', () => {
    const page = readFileSync(new URL('../../docs/preference-update.md', import.meta.url), 'utf8');
    const [, section = ''] = /\n### Yes and no\n([\s\S]*?)\n#/.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| (yes|no)[^|]*\|[^|]*\| (.*) \|$/gm)];
    const documented = (decision: string) =>
      rows
        .filter((row) => row[1] === decision)
        .flatMap((row) => [...(row[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, w]) => w));
    expect(documented('yes')).toEqual(YES_WORDS);
    expect(documented('no')).toEqual(ALL_NO);
  });
});

describe('an objection in people’s own words', () => {
  it.each(['FALSCH', 'stopall', 'Stop.', 'STOP please'])('%s is sent to CXone', (optIn) => {
    expect(read({ optIn })).toMatchObject({ preference: { optIn: false }, optOut: { contactIds: [ID] } });
  });

  it.each(['', 'perhaps', '-1', '0.0', 'stop it now, all of it', 'ei kiitos!'])(
    '%j beside a withdrawal counts until a person decides, and says so',
    (optIn) => {
      const withdrawals = [
        '2026-11-12',
        '12.11.2026',
        '11/12/2026 3:00 PM',
        '46338',
        '1763000000000',
        'yesterday',
      ];
      for (const withdrawalTimestamp of withdrawals) {
        const change = { optIn, withdrawalTimestamp };
        expect(reasonsOf(change).join(), withdrawalTimestamp).toContain('counts as an objection until');
        expect(read(change)).toMatchObject({ optOut: { contactIds: [ID], channels: ['sms'] } });
      }
    },
  );

  it('that a later consent follows counts as long as the decision is not clearly a yes', () => {
    const later = { consentTimestamp: '2026-11-15' };
    for (const optIn of ['VIELLEICHT', '', 'null'])
      expect(read({ ...later, optIn }), optIn).toMatchObject({ optOut: { contactIds: [ID] } });
    expect(read({ ...later, optIn: 'yes' })).toMatchObject({ optOut: null });
  });

  it('of which the withdrawal cannot be read counts although the decision is a yes', () => {
    const unread = ['12.11.2026', '2026-11-12 15:00', '46338.6', '########', '２０２６-１１-１２'];
    for (const withdrawalTimestamp of [...unread, 'widerrufen', 'STOP', 'yes', '12 November'])
      expect(read({ optIn: 'yes', withdrawalTimestamp }), withdrawalTimestamp).toMatchObject({
        optOut: { contactIds: [ID] },
      });
  });

  it('is not made of what exports write where they have no date', () => {
    const nothing = ['', '-', 'n/a', '#N/A', 'NULL', 'none', '0000-00-00', '0000-00-00 00:00:00', '0'];
    const years = ['0001-01-01T00:00:00Z', '1/1/0001 12:00:00 AM', '30.12.1899', '9999-12-31'];
    for (const withdrawalTimestamp of [...nothing, ...years])
      for (const optIn of ['yes', 'perhaps', ''])
        expect(read({ optIn, withdrawalTimestamp }), `${optIn} ${withdrawalTimestamp}`).toMatchObject({
          optOut: null,
        });
  });

  it('that was not found is not passed over in silence', () => {
    const none = { optIn: 'HELP', withdrawalTimestamp: '' };
    expect(reasonsOf(none).join()).toMatch(/^opt_in_not_a_flag .*nothing was recorded/);
    expect(read(none)).toMatchObject({ optOut: null });
  });

  it.each(['', `{${ID}`, `${ID}}`, '#N/A', '#NV', 'NULL', '1.00045E+11', '1,00045E+11', 'a\ufffd', 2 ** 60])(
    'of %j protects nobody yet, which the reason says',
    (contactId) => {
      expect(read({ contactId })).toMatchObject({ optOut: null });
      expect(reasonsOf({ contactId }).at(-1)).toMatch(/^objection_protects_nobody .*protects nobody yet/);
    },
  );

  it.each([
    ['(', ')'],
    ['"', '"'],
    ["'", ''],
    ['urn:uuid:', ''],
    ['', '.'],
    ['contact ', ' (old)'],
  ])('of an id between %j and %j protects its person', (before, after) => {
    for (const id of [
      ID,
      ID.toUpperCase(),
      ID.replaceAll('-', ''),
      ID.replaceAll('-', '\u2013'),
      ID.replaceAll('-', '\u2011'),
    ])
      expect(read({ contactId: `${before}${id}${after}` }).optOut?.contactIds, id).toContain(ID);
  });

  it('of several ids in one cell protects all of them', () => {
    const other = ID.replace('a1', 'b2');
    const found = read({ contactId: `${ID}; ${other}` }).optOut?.contactIds;
    expect(found).toEqual(expect.arrayContaining([ID, other]));
    expect(read({ contactId: `x${ID}` }).optOut?.contactIds).toEqual([`x${ID}`]);
  });

  it('whatever stands in the row: a decision that is not a yes, beside a withdrawal, is never lost', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((each) => readChoiceWords(each) !== 'yes');
    fc.assert(
      fc.property(
        text,
        fc.date({ min: new Date('1950-01-01'), max: NOW, noInvalidDate: true }),
        (optIn, at) => {
          const { optOut } = read({ optIn, withdrawalTimestamp: at.toISOString(), consentTimestamp: '' });
          expect(optOut).toMatchObject({ contactIds: [ID] });
        },
      ),
    );
  });
});
