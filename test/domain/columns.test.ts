import { describe, expect, it } from 'vitest';
import { contactMapProblems, resolveContactColumns } from '../../src/domain/contact-import/contacts.ts';

const WHOLE = ['contactId', 'phone', 'consentTimestamp', 'optInStatus'];

function resolved(columns: readonly string[], map?: Record<string, string>) {
  const answer = resolveContactColumns(columns, map);
  if ('problems' in answer) throw new Error(answer.problems.join('\n'));
  return answer.columns;
}

function problems(columns: readonly string[], map?: Record<string, string>) {
  const answer = resolveContactColumns(columns, map);
  return 'problems' in answer ? answer.problems : [];
}

describe('the columns of a contact import', () => {
  it('match whatever their case, spaces, underscores and hyphens; the rest are custom fields', () => {
    const columns = resolved([
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

  it('pair each phone with the type of its number, and with the plain type where it has none', () => {
    const columns = resolved([...WHOLE, 'phone 2', 'phone9', 'type', 'type2']);
    expect(columns.phones).toEqual([
      { number: 'phone', type: 'type' },
      { number: 'phone 2', type: 'type2' },
      { number: 'phone9', type: 'type' },
    ]);
  });

  it('are as the map says, and a column that would have matched becomes a custom field', () => {
    const columns = resolved([...WHOLE, 'Mobile Number'], { phone: 'mobile number' });
    expect(columns.phones).toEqual([{ number: 'Mobile Number', type: null }]);
    expect(columns.custom).toEqual(['phone']);
  });

  it('that are missing are all named at once, with the ones that are there and a proposal', () => {
    const found = problems(['Customer No', 'Mobile Number', 'Consent given at', 'Town']);
    expect(found).toHaveLength(4);
    expect(found.join('\n')).toContain('--map phone="Mobile Number"');
    expect(found.join('\n')).toContain('--map contactId="Customer No"');
    expect(found.join('\n')).toContain('--map consentTimestamp="Consent given at"');
    expect(found[0]).toContain('"Customer No", "Mobile Number", "Consent given at", "Town"');
  });

  it('that two columns could be are a problem, which a map settles', () => {
    expect(problems([...WHOLE, 'Phone'])).toEqual([expect.stringContaining('--map phone="phone"')]);
    expect(problems([...WHOLE, 'Phone'], { phone: 'Phone' })).toEqual([]);
  });

  it('cannot be mapped to an unknown field, from an unknown column, or twice; all of it is said', () => {
    const found = problems(WHOLE, {
      colour: 'phone',
      phone: 'Handy',
      phone1: 'contactId',
      phone2: 'contactId',
    });
    expect(found.some((problem) => problem.includes('no field "colour"'))).toBe(true);
    expect(found.some((problem) => problem.includes('no column "Handy" for phone'))).toBe(true);
    expect(found.some((problem) => problem.includes('mapped to phone2 and to another field'))).toBe(true);
  });

  it('of NDJSON are unknown beforehand, but a map to an unknown field is not', () => {
    expect(contactMapProblems({ phone: 'Handy' })).toEqual([]);
    expect(contactMapProblems({ colour: 'Handy' })).toEqual([expect.stringContaining('no field "colour"')]);
  });

  it('may be a thousand: the message stays short', () => {
    const [problem] = problems(Array.from({ length: 1_000 }, (_, n) => `c${n}`));
    expect(problem).toContain('and 980 more');
  });
});
