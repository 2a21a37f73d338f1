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

describe('the columns of a file to check', () => {
  it('are found whatever their spelling, or by a mapping', () => {
    expect(resolve(['Contact ID', 'CHANNEL'])).toMatchObject({
      columns: expect.any(Map) as Map<string, string>,
    });
    expect(resolve(['No', 'Way'], { contactId: 'No', channel: 'Way' })).toHaveProperty('columns');
  });

  it('need a contact, and a channel unless one is given for all', () => {
    expect(resolve(['phone'])).toMatchObject({
      problems: [
        expect.stringContaining('contactId') as string,
        expect.stringContaining('channel') as string,
      ],
    });
    expect(resolve(['contactId'], {}, true)).toHaveProperty('columns');
  });

  it('tell every problem of a mapping', () => {
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
  it('says whom and which channel to ask about', () => {
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

  it('without a known channel asks nothing, without a contact asks about nobody', () => {
    expect(read({ contactId: 'a', channel: 'fax' })).toEqual({ reason: 'invalid_channel' });
    expect(read({ contactId: 'a' })).toEqual({ reason: 'invalid_channel' });
    expect(read({ contactId: null }, 'sms')).toMatchObject({ question: { contactId: '' } });
  });

  it('with two keys of one name is not guessed at', () => {
    expect(read({ contactId: 'a', contact_id: 'b' }, 'sms')).toEqual({ reason: 'field_ambiguous' });
    expect(read({ contactId: 'a', channel: 'sms', Channel: 'email' })).toEqual({ reason: 'field_ambiguous' });
    expect(read({ contactId: 'a', note: 'x', Note: 'y' }, 'sms')).toHaveProperty('question');
    expect(read({ No: 'a', contactId: 'b' }, 'sms', { contactId: 'No' })).toMatchObject({
      question: { contactId: 'a' },
    });
  });

  it('has no part in a mapping to a field that does not exist', () => {
    expect(eligibilityMapProblems({ contctId: 'customer' })).toEqual([
      expect.stringContaining('contctId') as string,
    ]);
    expect(eligibilityMapProblems({ contactId: 'customer' })).toEqual([]);
  });

  it('carries what it says of itself; a status that nobody knows confirms nothing', () => {
    const question = (optInStatus: string) => read({ contactId: 'a', optInStatus, timeZone: 'UTC' }, 'sms');
    expect(question('Confirmed')).toMatchObject({ question: { optInStatus: 'confirmed', timeZone: 'UTC' } });
    expect(question('perhaps')).toMatchObject({ question: { optInStatus: 'pending' } });
    expect(question('')).not.toHaveProperty('question.optInStatus');
  });
});
