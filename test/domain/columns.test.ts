import { describe, expect, it } from 'vitest';
import { contactMapProblems, resolveContactColumns } from '../../src/domain/contact-import/contacts.ts';

const COMPLETE = ['contactId', 'phone', 'consentTimestamp', 'optInStatus'];

function resolve(columns: readonly string[], map?: Record<string, string>) {
  const answer = resolveContactColumns(columns, map);
  if ('problems' in answer) throw new Error(answer.problems.join('\n'));
  return answer.columns;
}

function listProblems(columns: readonly string[], map?: Record<string, string>) {
  const answer = resolveContactColumns(columns, map);
  return 'problems' in answer ? answer.problems : [];
}

describe('the columns of a contact import', () => {
  it('match regardless of case, spaces, underscores and hyphens; the others are custom fields', () => {
    const columns = resolve([
      'Contact ID',
      'PHONE',
      'consent_timestamp',
      'opt-in status',
      'City',
      'phone_home',
    ]);
    expect(columns).toMatchObject({
      contactId: 'Contact ID',
      phones: [{ number: 'PHONE', type: null }],
      consentTimestamp: 'consent_timestamp',
      optInStatus: 'opt-in status',
      custom: ['City', 'phone_home'],
    });
  });

  it('have for each phone the type with its number, else the plain type', () => {
    const columns = resolve([...COMPLETE, 'phone 2', 'phone9', 'type', 'type2']);
    expect(columns.phones).toEqual([
      { number: 'phone', type: 'type' },
      { number: 'phone 2', type: 'type2' },
      { number: 'phone9', type: 'type' },
    ]);
  });

  it('follow the map, and a column that would have matched becomes a custom field', () => {
    const columns = resolve([...COMPLETE, 'Mobile Number'], { phone: 'mobile number' });
    expect(columns.phones).toEqual([{ number: 'Mobile Number', type: null }]);
    expect(columns.custom).toEqual(['phone']);
  });

  it('are all named at once if they are missing, with the existing columns and a proposal', () => {
    const found = listProblems(['Customer No', 'Mobile Number', 'Consent given at', 'Town']);
    expect(found).toHaveLength(4);
    expect(found.join('\n')).toContain('--map phone="Mobile Number"');
    expect(found.join('\n')).toContain('--map contactId="Customer No"');
    expect(found.join('\n')).toContain('--map consentTimestamp="Consent given at"');
    expect(found[0]).toContain('"Customer No", "Mobile Number", "Consent given at", "Town"');
  });

  it('are a problem if two of them match a field, unless the map chooses one', () => {
    expect(listProblems([...COMPLETE, 'Phone'])).toEqual([expect.stringContaining('--map phone="phone"')]);
    expect(listProblems([...COMPLETE, 'Phone'], { phone: 'Phone' })).toEqual([]);
  });

  it('cannot be mapped to an unknown field, from an unknown column, or twice, and all problems are reported', () => {
    const found = listProblems(COMPLETE, {
      colour: 'phone',
      phone: 'Handy',
      phone1: 'contactId',
      phone2: 'contactId',
    });
    expect(found.some((problem) => problem.includes('no field "colour"'))).toBe(true);
    expect(found.some((problem) => problem.includes('no column "Handy" for phone'))).toBe(true);
    expect(found.some((problem) => problem.includes('mapped to phone2 and to another field'))).toBe(true);
  });

  it('are not known in advance for NDJSON, so only the fields of the map are checked', () => {
    expect(contactMapProblems({ phone: 'Handy' })).toEqual([]);
    expect(contactMapProblems({ colour: 'Handy' })).toEqual([expect.stringContaining('no field "colour"')]);
  });

  it('are cut in messages if there are many', () => {
    const [problem] = listProblems(Array.from({ length: 1_000 }, (_, n) => `c${n}`));
    expect(problem).toContain('and 980 more');
  });
});
