/** Files as people have them, and exactly what becomes of each row. */
import { describe, expect, it } from 'vitest';
import {
  readSuppressionEntry,
  suppressionColumnProblems,
} from '../../../src/domain/consent/suppression-file.ts';
import { identifyEntry } from '../../../src/domain/identifiers.ts';
import { duplicateReason } from '../../../src/domain/list-load/duplicates.ts';
import { suppressionDoubts } from '../../../src/domain/list-load/suppressions.ts';
import { RAW_LIST_RECORDS } from '../../harness/tutorial-samples.ts';
import { parseCsv, type Settled, settle, valueOf } from './rows.ts';

const ids = (rows: Settled['loaded']) => rows.map((row) => valueOf(row, 'contact_id'));

describe("the tutorial's sample", () => {
  it('has one duplicate, scores 110 and 15, priorities 10 and 1', () => {
    const { loaded, duplicates, invalid } = settle(null, RAW_LIST_RECORDS);
    expect(invalid).toEqual([]);
    expect(loaded.map(({ line, score }) => [line, score])).toEqual([
      [2, 110],
      [3, 15],
    ]);
    expect(loaded.map(({ item }) => item.priority)).toEqual([10, 1]);
    expect(loaded[0]?.item.deduplicationKeys).toEqual([{ name: 'phone_number', value: '+15550100001' }]);
    expect(duplicates.map(({ row, duplicate }) => [row.line, duplicate.winnerLine])).toEqual([[4, 2]]);
  });
});

describe('scores that are texts', () => {
  const columns = ['contactId', 'phone', 'score'];
  const scores = ['9', '10', '100', '8.5', '0', '-1', '8,5', 'NaN', '7', '7.0', '', '1.234,5'];
  const rows = [...scores, 'Infinity', '0x10', '1e1'].map((score, i) => ({
    contactId: `S-${i + 1}`,
    phone: `+141555501${i + 21}`,
    score,
  }));
  const { loaded, invalid } = settle(columns, rows, { rules: { scoring: { column: 'score' } } });

  it('are compared as numbers, the highest first', () => {
    expect(loaded.map((row) => [valueOf(row, 'contact_id'), row.score])).toEqual([
      ['S-3', 100],
      ['S-2', 10],
      ['S-15', 10],
      ['S-1', 9],
      ['S-4', 8.5],
      ['S-9', 7],
      ['S-10', 7],
      ['S-5', 0],
      ['S-6', -1],
    ]);
    expect(loaded.map(({ item }) => item.priority)).toEqual([10, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  it('are invalid if they are not plain numbers', () => {
    expect(invalid.map(({ line }) => `S-${line - 1}`)).toEqual([
      'S-7',
      'S-8',
      'S-11',
      'S-12',
      'S-13',
      'S-14',
    ]);
    for (const { reasons } of invalid)
      expect(reasons.map(({ code, field }) => [code, field])).toEqual([['score_not_a_number', 'score']]);
  });
});

describe('households and chains', () => {
  const { columns, rows } = parseCsv(`
contactId,phone1,phone2,score,name
H-1,+14155550141,,90,Ann
H-2,+14155550141,,95,Ben
C-1,+14155550142,+14155550143,30,Cy
C-2,+14155550143,+14155550144,20,Di
C-3,+14155550144,+14155550145,10,Ed
`);
  const scoring = { column: 'score' };
  const byPhone = { scoring, deduplicateBy: ['phone1', 'phone2'] };

  it('the best score wins, and a duplicate row claims nothing', () => {
    const { loaded, duplicates } = settle(columns, rows, { rules: byPhone });
    expect(ids(loaded)).toEqual(['H-2', 'C-1', 'C-3']);
    expect(duplicates.map(({ row, duplicate }) => [row.line, duplicate.winnerLine])).toEqual([
      [2, 3],
      [5, 4],
    ]);
    expect(duplicates.map(({ duplicate }) => duplicateReason(duplicate))).toEqual([
      expect.objectContaining({ code: 'duplicate_in_source', field: 'phone number' }),
      expect.objectContaining({ code: 'duplicate_in_source', field: 'phone number' }),
    ]);
    expect(duplicateReason(duplicates[0]?.duplicate ?? { winnerLine: 0, key: '' }).message).toContain(
      'line 3',
    );
  });

  it('no number is loaded twice, and nobody gets the fields of somebody else', () => {
    const { loaded } = settle(columns, rows, { rules: byPhone });
    const phones = loaded.flatMap((row) => [valueOf(row, 'phone_number'), valueOf(row, 'phone2')]);
    const given = phones.filter((phone) => phone !== undefined);
    expect(new Set(given).size).toBe(given.length);
    expect(loaded.map((row) => [valueOf(row, 'contact_id'), valueOf(row, 'name')])).toEqual([
      ['H-2', 'Ben'],
      ['C-1', 'Cy'],
      ['C-3', 'Ed'],
    ]);
  });

  it('all are loaded if only the contact id makes rows duplicates', () => {
    const { loaded, duplicates } = settle(columns, rows, {
      rules: { scoring, deduplicateBy: ['contact_id'] },
    });
    expect(ids(loaded)).toEqual(['H-2', 'H-1', 'C-1', 'C-2', 'C-3']);
    expect(duplicates).toEqual([]);
  });

  it('a suppressed record claims no key: H-1 is loaded if H-2 is suppressed, neither if their number is', () => {
    const byContact = settle(columns, rows, { rules: byPhone, suppressed: ['contact:h-2'] });
    expect(ids(byContact.suppressed)).toEqual(['H-2']);
    expect(ids(byContact.loaded)).toEqual(['H-1', 'C-1', 'C-3']);
    const byNumber = settle(columns, rows, { rules: byPhone, suppressed: ['phone:+14155550141'] });
    expect(ids(byNumber.suppressed)).toEqual(['H-1', 'H-2']);
    expect(ids(byNumber.loaded)).toEqual(['C-1', 'C-3']);
  });
});

describe('several source lists in one file', () => {
  const { columns, rows } = parseCsv(`
source,contactId,phone,status,score
crm,A-1,+14155550151,ACTIVE,20
web,,+14155550151,NEW,90
shop,A-2,+14155550152,DNC,10
crm,A-2,+14155550152,ACTIVE,80
`);
  const scoring = { column: 'score' };

  it('a person in several is loaded once, and a status is a field like any other', () => {
    const { loaded, duplicates } = settle(columns, rows, { rules: { scoring } });
    expect(loaded.map((row) => [row.line, valueOf(row, 'status')])).toEqual([
      [3, 'NEW'],
      [5, 'ACTIVE'],
    ]);
    expect(duplicates.map(({ row, duplicate }) => [row.line, duplicate.winnerLine])).toEqual([
      [2, 3],
      [4, 5],
    ]);
  });

  it('whom one of them names in a file of suppressions is left out of all', () => {
    const forbidden = rows.filter(({ status }) => status === 'DNC');
    const read = forbidden.map(({ contactId, phone }) =>
      identifyEntry(readSuppressionEntry({ contactId, phone })),
    );
    const suppressed = read.flatMap(({ identifiers }) => identifiers);
    const settled = settle(columns, rows, { rules: { scoring }, suppressed });
    expect(settled.suppressed.map(({ line }) => line)).toEqual([4, 5]);
    expect(settled.loaded.map(({ line }) => line)).toEqual([3]);
  });
});

describe('a suppression list in other spellings', () => {
  const leads = parseCsv(`
contactId,phone,phone2,score
D-1,+14155550101,,90
D-2,+14155550102,,80
D-3,+14155550103,,70
D-4,+14155550104,,60
D-5,+14155550105,+14155550106,50
D-6,+14155550107,,40
`);
  const list = parseCsv(`
contactId,phone,country,reason
,(415) 555-0101,US,dnc
,+1 415-555-0102,,CUSTOM_DNC
,14155550103,US,dnc
D-4,,,deceased
,41555501,US,dnc
,,,dnc
,+14155550106,,dnc
`);
  const entries = list.rows.map(readSuppressionEntry);
  const identified = entries.map(identifyEntry);

  it('has columns that say who must not be called', () => {
    expect(suppressionColumnProblems(list.columns)).toEqual([]);
  });

  it('finds everybody on it; one suppressed number of several leaves the whole record out', () => {
    const { suppressed, loaded } = settle(leads.columns, leads.rows, {
      suppressed: identified.flatMap(({ identifiers }) => identifiers),
    });
    expect(ids(suppressed)).toEqual(['D-1', 'D-2', 'D-3', 'D-4', 'D-5']);
    expect(ids(loaded)).toEqual(['D-6']);
  });

  it('can be read but for its fifth and its sixth line', () => {
    expect(identified.map(({ isClear }) => isClear)).toEqual([true, true, true, true, false, false, true]);
  });

  it('is not relied on, because two of its entries identify nobody', () => {
    const unidentified = identified.filter(({ isClear }) => !isClear).length;
    expect(suppressionDoubts({ entries: entries.length, unidentified, isComplete: true }, null)).toEqual([
      expect.stringMatching(/^2 entries of the suppression list identify nobody/),
    ]);
  });
});
