import { describe, expect, it } from 'vitest';
import {
  eligibilityMapProblems,
  readQuestion,
  resolveEligibilityColumns,
} from '../../src/domain/consent/eligibility-list.ts';

const resolve = (columns: readonly string[], map = {}, hasChannel = false) =>
  resolveEligibilityColumns(columns, map, { hasChannel, audience: 'terminal' });
const read = (fields: Record<string, unknown>, channel?: 'email' | 'sms', map = {}) =>
  readQuestion(fields, null, { map, channel });

describe('the columns of a list', () => {
  it('are found by name or by map', () => {
    expect(resolve(['Contact ID', 'CHANNEL'])).toMatchObject({
      columns: expect.any(Map) as Map<string, string>,
    });
    expect(resolve(['No', 'Way'], { contactId: 'No', channel: 'Way' })).toHaveProperty('columns');
  });

  it('must have a contact, and a channel unless one is given for all rows', () => {
    expect(resolve(['phone'])).toMatchObject({
      problems: [
        expect.stringContaining('contactId') as string,
        expect.stringContaining('channel') as string,
      ],
    });
    expect(resolve(['contactId'], {}, true)).toHaveProperty('columns');
  });

  it('are reported with every problem of the map', () => {
    expect(resolve(['contactId', 'channel'], { nonsense: 'x', channel: 'nowhere' })).toMatchObject({
      problems: [
        expect.stringContaining('nonsense') as string,
        expect.stringContaining('"x"') as string,
        expect.stringContaining('nowhere') as string,
      ],
    });
  });
});

describe('a row', () => {
  it('has a contact and a channel', () => {
    expect(read({ contact_id: ' a ', channel: 'Email' })).toEqual({
      question: { contactId: 'a', channel: 'email' },
    });
    expect(read({ contactId: 7, channel: 'fax' }, 'sms')).toEqual({
      question: { contactId: '7', channel: 'sms' },
    });
    expect(read({ No: 'a' }, 'sms', { contactId: 'No' })).toEqual({
      question: { contactId: 'a', channel: 'sms' },
    });
  });

  it('is not checked without a known channel, and may lack a contact', () => {
    expect(read({ contactId: 'a', channel: 'fax' })).toEqual({ reason: 'invalid_channel' });
    expect(read({ contactId: 'a' })).toEqual({ reason: 'invalid_channel' });
    expect(read({ contactId: null }, 'sms')).toMatchObject({ question: { contactId: '' } });
  });

  it('is not checked if two keys match the same field', () => {
    expect(read({ contactId: 'a', contact_id: 'b' }, 'sms')).toEqual({ reason: 'field_ambiguous' });
    expect(read({ contactId: 'a', channel: 'sms', Channel: 'email' })).toEqual({ reason: 'field_ambiguous' });
    expect(read({ contactId: 'a', note: 'x', Note: 'y' }, 'sms')).toHaveProperty('question');
    expect(read({ No: 'a', contactId: 'b' }, 'sms', { contactId: 'No' })).toMatchObject({
      question: { contactId: 'a' },
    });
  });

  it('cannot be mapped to an unknown field', () => {
    expect(eligibilityMapProblems({ contctId: 'customer' })).toEqual([
      expect.stringContaining('contctId') as string,
    ]);
    expect(eligibilityMapProblems({ contactId: 'customer' })).toEqual([]);
  });

  it('may have a status and a time zone, and an unknown status confirms nothing', () => {
    const question = (optInStatus: string) => read({ contactId: 'a', optInStatus, timeZone: 'UTC' }, 'sms');
    expect(question('Confirmed')).toMatchObject({ question: { optInStatus: 'confirmed', timeZone: 'UTC' } });
    expect(question('perhaps')).toMatchObject({ question: { optInStatus: 'pending' } });
    expect(question('')).not.toHaveProperty('question.optInStatus');
  });
});
