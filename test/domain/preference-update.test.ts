import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decisionTime,
  type Preference,
  preferenceKey,
  preferenceMapProblems,
  rankPreference,
  readPreference,
  resolvePreferenceColumns,
} from '../../src/domain/preference-update/preferences.ts';

const NOW = new Date('2026-01-15T12:00:00.000Z');
const ID = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

const OPT_IN = {
  contactId: ID,
  channel: 'email',
  optIn: true,
  consentTimestamp: '2024-06-10T09:15:00.000Z',
  withdrawalTimestamp: null,
  regulatoryRegion: 'GDPR',
  source: 'crm-sync',
};
const OPT_OUT = { ...OPT_IN, optIn: false, withdrawalTimestamp: '2024-06-12T11:30:00.000Z' };

const read = (row: Record<string, unknown>) => readPreference(row, null, NOW);

function readValid(row: Record<string, unknown>): Preference {
  const result = read(row);
  if (!('preference' in result)) return expect.fail(JSON.stringify(result));
  return result.preference;
}

function listReasons(row: Record<string, unknown>): string[] {
  const result = read(row);
  return 'reasons' in result ? result.reasons.map(({ code, field }) => `${code} ${field}`) : [];
}

describe('a row', () => {
  it('is a preference with timestamps in UTC and the later one as updatedAt', () => {
    expect(readValid({ ...OPT_OUT, consentTimestamp: '2024-06-10T11:15:00+02:00' })).toEqual({
      ...OPT_OUT,
      consentTimestamp: '2024-06-10T09:15:00.000Z',
      idempotencyKey: null,
      updatedAt: '2024-06-12T11:30:00.000Z',
    });
    expect(readValid(OPT_IN).updatedAt).toBe('2024-06-10T09:15:00.000Z');
    expect(readValid({ ...OPT_IN, updatedAt: '2024-07-01' }).updatedAt).toBe('2024-07-01T00:00:00.000Z');
  });

  it('of CSV may have words for flags, any case, and the word null', () => {
    const columns = [
      'Contact ID',
      'channel',
      'Opt-In',
      'consent',
      'withdrawal_timestamp',
      'Regulatory Region',
      'src',
    ];
    const map = { consentTimestamp: 'consent', source: 'src' };
    const resolved = resolvePreferenceColumns(columns, map);
    if ('problems' in resolved) return expect.fail(resolved.problems.join());
    const cells = [ID, ' EMAIL ', 'Yes', '2024-06-10', 'null', 'gdpr', 'form'];
    const row = Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
    expect(readPreference(row, resolved.columns, NOW)).toMatchObject({
      preference: { channel: 'email', optIn: true, regulatoryRegion: 'GDPR', withdrawalTimestamp: null },
    });
  });

  it('is invalid with every rule that it breaks, each with its field', () => {
    const row = {
      contactId: 'crm-88291',
      channel: 'fax',
      optIn: 'maybe',
      consentTimestamp: 'yesterday',
      withdrawalTimestamp: '2099-01-01',
      regulatoryRegion: 'LGPD',
      source: 'x'.repeat(51),
      idempotencyKey: '1',
      updatedAt: '2024-02-30',
    };
    expect(listReasons(row)).toEqual([
      'contact_id_not_a_guid contactId',
      'channel_unknown channel',
      'opt_in_not_a_flag optIn',
      'timestamp_not_a_date consentTimestamp',
      'timestamp_in_future withdrawalTimestamp',
      'regulatory_region_unknown regulatoryRegion',
      'source_too_long source',
      'idempotency_key_not_a_guid idempotencyKey',
      'timestamp_not_a_date updatedAt',
    ]);
    expect(listReasons({})).toHaveLength(5);
    expect(JSON.stringify(read(row))).not.toContain('crm-88291');
  });

  it('that opts in must have a consent and no withdrawal', () => {
    expect(listReasons({ ...OPT_IN, consentTimestamp: null })).toEqual(['consent_missing consentTimestamp']);
    expect(listReasons({ ...OPT_IN, withdrawalTimestamp: '2024-01-01' })).toEqual([
      'opt_in_with_withdrawal withdrawalTimestamp',
    ]);
    expect(listReasons({ ...OPT_IN, consentTimestamp: '', withdrawalTimestamp: 'x' })).toEqual([
      'timestamp_not_a_date withdrawalTimestamp',
      'consent_missing consentTimestamp',
      'opt_in_with_withdrawal withdrawalTimestamp',
    ]);
  });

  it('that opts out must have the date of the withdrawal, and outside of the GDPR no consent', () => {
    expect(listReasons({ ...OPT_OUT, withdrawalTimestamp: null })).toEqual([
      'withdrawal_missing withdrawalTimestamp',
    ]);
    for (const regulatoryRegion of ['CCPA', 'TCPA', 'NONE'])
      expect(readValid({ ...OPT_OUT, regulatoryRegion, consentTimestamp: null }).optIn).toBe(false);
  });

  it('may be five minutes ahead of our clock, but not a millisecond more', () => {
    const ahead = (ms: number) => ({
      ...OPT_IN,
      consentTimestamp: new Date(NOW.getTime() + ms).toISOString(),
    });
    expect(listReasons(ahead(300_000))).toEqual([]);
    expect(listReasons(ahead(300_001))).toEqual(['timestamp_in_future consentTimestamp']);
  });

  it('may have a GUID in braces and in capitals, and has it in one form', () => {
    for (const contactId of [`{${ID}}`, ID.toUpperCase(), ` { ${ID.toUpperCase()} } `])
      expect(readValid({ ...OPT_IN, contactId }).contactId).toBe(ID);
    expect(listReasons({ ...OPT_IN, contactId: `{${ID}` })).toEqual(['contact_id_not_a_guid contactId']);
  });

  it('may have any GUID, also those of the tutorial that are not RFC 4122 UUIDs', () => {
    expect(readValid({ ...OPT_IN, idempotencyKey: 'c9d8e7f6-a5b4-3210-fedc-ba9876543210' })).toMatchObject({
      idempotencyKey: 'c9d8e7f6-a5b4-3210-fedc-ba9876543210',
    });
  });

  it('is invalid if two keys match the same field', () => {
    expect(listReasons({ ...OPT_IN, ContactID: ID })).toContain('field_ambiguous contactId');
  });

  it('is not confused by names such as constructor', () => {
    expect(preferenceMapProblems({ phone: 'x' })).toHaveLength(1);
    expect(resolvePreferenceColumns(['constructor', '__proto__'])).toHaveProperty('problems');
  });
});

describe('an objection', () => {
  const optOut = {
    contactIds: [ID],
    channels: ['email'],
    withdrawalTimestamp: OPT_OUT.withdrawalTimestamp,
  };

  it('under the GDPR without the date of the consent is not sent, but not lost', () => {
    const result = read({ ...OPT_OUT, consentTimestamp: null });
    expect(result).toMatchObject({
      preference: { optIn: false, consentTimestamp: null },
      refusedFor: { code: 'gdpr_needs_consent_date', field: 'consentTimestamp' },
      optOut,
    });
  });

  it('in an invalid row is not lost if contact and channel are known', () => {
    expect(read({ ...OPT_OUT, source: '' })).toMatchObject({ optOut });
    expect(read({ ...OPT_OUT, withdrawalTimestamp: 'soon' })).toMatchObject({
      optOut: { ...optOut, withdrawalTimestamp: null },
    });
    expect(read({ ...OPT_IN, source: '' })).toMatchObject({ optOut: null });
  });

  it('of a contact without a GUID is not lost, although CXone does not accept it', () => {
    expect(read({ ...OPT_OUT, contactId: ' crm-88291 ' })).toMatchObject({
      reasons: [{ code: 'contact_id_not_a_guid' }],
      optOut: { ...optOut, contactIds: ['crm-88291'] },
    });
    expect(read({ ...OPT_OUT, contactId: 88291 })).toMatchObject({ optOut: { contactIds: ['88291'] } });
    // Missing, or rounded by JSON.parse.
    for (const contactId of ['', null, undefined, { id: 7 }, 2 ** 60])
      expect(read({ ...OPT_OUT, contactId })).toMatchObject({ optOut: null });
  });

  it('without a channel that is known counts on all channels', () => {
    const everywhere = { optOut: { ...optOut, channels: ['email', 'sms', 'voice', 'webchat'] } };
    for (const channel of ['', null, undefined, 'phone', 'e-mail', 7])
      expect(read({ ...OPT_OUT, channel }), String(channel)).toMatchObject(everywhere);
    expect(read({ ...OPT_OUT, Channel: 'fax' })).toMatchObject(everywhere);
  });

  it('of which only the date is clear is not lost, unless it is a yes and a later consent follows', () => {
    for (const optIn of ['', 'perhaps', true]) expect(read({ ...OPT_OUT, optIn })).toMatchObject({ optOut });
    const consentTimestamp = OPT_OUT.withdrawalTimestamp;
    expect(read({ ...OPT_OUT, optIn: '', consentTimestamp })).toMatchObject({ optOut });
    const later = { consentTimestamp: '2024-07-01' };
    expect(read({ ...OPT_OUT, optIn: '', ...later })).toMatchObject({ optOut });
    expect(read({ ...OPT_OUT, optIn: true, ...later })).toMatchObject({ optOut: null });
    // Where other rows have a date, this one has something else.
    for (const withdrawalTimestamp of ['-', 'n/a', ''])
      expect(read({ ...OPT_IN, withdrawalTimestamp })).toMatchObject({ optOut: null });
  });

  it('with ambiguous fields counts for whatever they may mean', () => {
    for (const repeated of [
      { Source: 'b' },
      { REGULATORY_REGION: 'NONE' },
      { consent_timestamp: '2024-01-01' },
    ])
      expect(read({ ...OPT_OUT, ...repeated })).toMatchObject({
        reasons: [{ code: 'field_ambiguous' }],
        optOut,
      });
    expect(read({ ...OPT_OUT, withdrawal_timestamp: '2025-01-01' })).toMatchObject({
      optOut: { ...optOut, withdrawalTimestamp: null },
    });
    expect(read({ ...OPT_OUT, contact_id: `{${ID.toUpperCase()}}` })).toMatchObject({ optOut });
    expect(read({ ...OPT_OUT, contact_id: 'crm-1' })).toMatchObject({
      optOut: { ...optOut, contactIds: [ID, 'crm-1'] },
    });
    expect(read({ ...OPT_OUT, Channel: 'sms' })).toMatchObject({
      optOut: { ...optOut, channels: ['email', 'sms'] },
    });
    for (const decision of [false, true, 'perhaps'])
      expect(read({ ...OPT_OUT, 'opt-in': decision })).toMatchObject({ optOut });
  });

  it('is recognised in many words, and a consent in few', () => {
    const readFlag = (optIn: unknown) => readPreference({ ...OPT_OUT, optIn }, null, NOW);
    for (const no of ['N', 'off', 'Unsubscribed', 'opted out', 'OPT_OUT', 'f', 'False', 0, false])
      expect(readFlag(no), String(no)).toMatchObject({ preference: { optIn: false } });
    for (const yes of ['Y', 'on', 'TRUE', 1, true, 't'])
      expect(readValid({ ...OPT_IN, optIn: yes }).optIn, String(yes)).toBe(true);
    for (const neither of ['perhaps', '-1', '2', 'opted in', 'subscribed', ''])
      expect('reasons' in readFlag(neither), neither).toBe(true);
  });

  it('is never lost, whatever the other fields contain', () => {
    const anything = fc.oneof(fc.string(), fc.constant(null), fc.constant('2024-01-01'), fc.integer());
    const fields = ['consentTimestamp', 'withdrawalTimestamp', 'regulatoryRegion', 'source', 'updatedAt'];
    const rest = fc.record(Object.fromEntries(fields.map((field) => [field, anything])));
    fc.assert(
      fc.property(rest, fc.constantFrom(...['GDPR', 'NONE', 'x']), (row, regulatoryRegion) => {
        const result = read({ ...row, regulatoryRegion, contactId: ID, channel: 'sms', optIn: 'no' });
        const isSent = 'preference' in result && !('refusedFor' in result);
        expect(isSent || ('optOut' in result && result.optOut !== null)).toBe(true);
      }),
    );
  });
});

describe('of several rows with the same contact and channel', () => {
  const optIn = (day: string, more: object = {}) => readValid({ ...OPT_IN, consentTimestamp: day, ...more });
  const out = (day: string, more: object = {}) =>
    readValid({ ...OPT_OUT, consentTimestamp: '2020-01-01', withdrawalTimestamp: day, ...more });
  const newest = (rows: readonly Preference[]) =>
    rows.reduce((best, row) => (rankPreference(row) > rankPreference(best) ? row : best));

  it('the newest decision wins, and a withdrawal wins over a consent of the same time', () => {
    expect(newest([optIn('2024-01-01'), out('2024-02-01'), optIn('2024-03-01')])).toEqual(
      optIn('2024-03-01'),
    );
    expect(newest([optIn('2024-03-01'), out('2024-03-01')]).optIn).toBe(false);
    expect(newest([out('2024-03-01'), optIn('2024-03-01')]).optIn).toBe(false);
  });

  it('an old consent does not win because its record was updated later', () => {
    expect(newest([optIn('2024-01-01', { updatedAt: '2025-01-01' }), out('2024-02-01')]).optIn).toBe(false);
  });

  it('the case of the GUID does not matter', () => {
    expect(preferenceKey({ contactId: ID.toUpperCase(), channel: 'sms' })).toBe(
      preferenceKey({ contactId: ID, channel: 'sms' }),
    );
  });

  it('their order does not matter', () => {
    const day = fc.integer({ min: 0, max: 5 }).map((n) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString());
    const row = fc.oneof(
      fc
        .tuple(day, day, fc.constantFrom('a', 'b'))
        .map(([at, updatedAt, source]) => optIn(at, { updatedAt, source })),
      fc
        .tuple(day, day, fc.constantFrom('a', 'b'))
        .map(([at, updatedAt, source]) => out(at, { updatedAt, source })),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), fc.nat(), (rows, shift) => {
        const at = shift % rows.length;
        const other = [...rows.slice(at), ...rows.slice(0, at)].reverse();
        const winner = newest(rows);
        expect(newest(other)).toEqual(winner);
        for (const { optIn: isIn, ...rest } of rows)
          expect(decisionTime({ optIn: isIn, ...rest }) <= decisionTime(winner)).toBe(true);
        const latest = rows.filter((each) => decisionTime(each) === decisionTime(winner));
        if (latest.some((each) => !each.optIn)) expect(winner.optIn).toBe(false);
      }),
    );
  });
});
