import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CHANNELS,
  type Channel,
  type ConsentFacts,
  type ConsentPolicy,
  type ConsentRecord,
  evaluateEligibility,
  failClosed,
  NOTICE,
  REGIONS,
  RULE_REASONS,
  RULE_VERSION,
} from '../../src/domain/consent/eligibility.ts';

/** 12:00 in London, 7:00 in New York. */
const NOW = new Date('2026-01-15T12:00:00.000Z');

const GIVEN: ConsentRecord = {
  optIn: true,
  consentTimestamp: '2024-06-01T12:00:00.000Z',
  withdrawalTimestamp: null,
  regulatoryRegion: 'NONE',
};

function judge(
  record: Partial<ConsentRecord> | null,
  more: Partial<ConsentFacts> = {},
  policy: ConsentPolicy = 'default',
): string {
  const preference = record && { ...GIVEN, ...record };
  return evaluateEligibility({ channel: 'email', preference, ...more }, NOW, policy).reason;
}

const later = (ms: number): string => new Date(NOW.getTime() + ms).toISOString();
const OUT = { optIn: false, withdrawalTimestamp: '2025-01-01T00:00:00Z' };

describe('the answer', () => {
  it('has rule version, policy, time and facts', () => {
    const facts = { channel: 'email', preference: GIVEN } as const;
    expect(evaluateEligibility(facts, NOW)).toEqual({
      eligible: true,
      reason: 'compliant',
      ruleVersion: RULE_VERSION,
      policy: 'default',
      checkedAt: NOW.toISOString(),
      facts,
      notice: NOTICE,
    });
  });

  it('is no if the lookup failed', () => {
    const answer = failClosed('consent_unavailable', { channel: 'sms' }, NOW);
    expect(answer).toMatchObject({ eligible: false, reason: 'consent_unavailable' });
    expect(answer.facts).toEqual({ channel: 'sms', preference: null });
  });

  it('is no for contacts on our own suppression list, whatever CXone says', () => {
    expect(judge({}, { suppressed: true })).toBe('suppressed');
  });
});

describe('the default rules', () => {
  it('no preference on record is no consent', () => {
    expect(judge(null)).toBe('no_consent_on_record');
  });

  it('a timestamp may be five minutes ahead of our clock, but not a millisecond more', () => {
    expect(judge({ consentTimestamp: later(5 * 60_000) })).toBe('compliant');
    expect(judge({ consentTimestamp: later(5 * 60_000 + 1) })).toBe('invalid_timestamp');
    expect(judge({ ...OUT, withdrawalTimestamp: later(5 * 60_000 + 1) })).toBe('invalid_timestamp');
  });

  it('an invalid timestamp comes before every other reason', () => {
    expect(judge({ consentTimestamp: 'garbage' })).toBe('invalid_timestamp');
    expect(judge({ ...OUT, withdrawalTimestamp: '2025-02-30' })).toBe('invalid_timestamp');
    expect(judge({ consentTimestamp: '' })).toBe('invalid_timestamp');
  });

  it('a Californian who opted out gets the CCPA reason, not the general one', () => {
    expect(judge({ ...OUT, regulatoryRegion: 'CCPA' })).toBe('ccpa_sale_opt_out');
    expect(judge({ optIn: false, regulatoryRegion: 'CCPA' })).toBe('explicit_opt_out');
  });

  it('an opt-out in any other region gets the general reason', () => {
    for (const regulatoryRegion of ['GDPR', 'TCPA', 'NONE'] as const)
      expect(judge({ ...OUT, regulatoryRegion })).toBe('explicit_opt_out');
  });

  it('a withdrawal wins unless it is older than the consent', () => {
    const consentTimestamp = '2024-06-01T12:00:00.000Z';
    const withdrawn = (withdrawalTimestamp: string) => judge({ consentTimestamp, withdrawalTimestamp });
    expect(withdrawn('2024-06-01T12:00:00.000Z')).toBe('withdrawal_supersedes_consent');
    expect(withdrawn('2024-06-01T12:00:00.001Z')).toBe('withdrawal_supersedes_consent');
    expect(withdrawn('2024-06-01T11:59:59.999Z')).toBe('compliant');
    // The same time with another offset.
    expect(withdrawn('2024-06-01T14:00:00+02:00')).toBe('withdrawal_supersedes_consent');
  });

  it('a withdrawal without a consent on record wins too', () => {
    expect(judge({ consentTimestamp: null, withdrawalTimestamp: '2020-01-01T00:00:00Z' })).toBe(
      'withdrawal_supersedes_consent',
    );
  });

  it('the GDPR requires a consent of 2018-05-25T00:00:00Z or later', () => {
    const gdpr = (consentTimestamp: string | null) => judge({ regulatoryRegion: 'GDPR', consentTimestamp });
    expect(gdpr('2018-05-25T00:00:00Z')).toBe('compliant');
    expect(gdpr('2018-05-24T23:59:59.999Z')).toBe('gdpr_consent_insufficient');
    expect(gdpr(null)).toBe('gdpr_consent_insufficient');
    expect(judge({ regulatoryRegion: 'CCPA', consentTimestamp: '2018-05-24T00:00:00Z' })).toBe('compliant');
  });
});

describe('the strict rules', () => {
  const strict = (record: Partial<ConsentRecord> | null, more: Partial<ConsentFacts> = {}) =>
    judge(record, more, 'strict');

  it('a pending confirmation is not a consent', () => {
    expect(strict({}, { optInStatus: 'pending' })).toBe('pending_confirmation');
    expect(strict({}, { optInStatus: 'confirmed' })).toBe('compliant');
    expect(judge({}, { optInStatus: 'pending' })).toBe('compliant');
  });

  it('the TCPA requires the date of a consent for calls and messages', () => {
    const tcpa = { regulatoryRegion: 'TCPA', consentTimestamp: null } as const;
    expect(strict(tcpa, { channel: 'voice' })).toBe('tcpa_consent_missing');
    expect(strict(tcpa, { channel: 'sms' })).toBe('tcpa_consent_missing');
    expect(strict(tcpa, { channel: 'email' })).toBe('compliant');
    expect(judge(tcpa, { channel: 'voice' })).toBe('compliant');
  });

  it('a consent of exactly 1,825 days is valid, and expired a millisecond later', () => {
    const aged = (ms: number) => ({ consentTimestamp: later(-1_825 * 86_400_000 - ms) });
    expect(strict(aged(0))).toBe('compliant');
    expect(strict(aged(1))).toBe('consent_expired');
    expect(judge(aged(1))).toBe('compliant');
  });

  it('calls and messages are allowed from 8:00 until before 21:00 local time', () => {
    const at = (time: string, channel: Channel, timeZone: string) =>
      evaluateEligibility({ channel, preference: GIVEN, timeZone }, new Date(`2026-01-15T${time}Z`), 'strict')
        .reason;
    expect(at('12:59:59', 'voice', 'America/New_York')).toBe('deferred_quiet_hours');
    expect(at('13:00:00', 'voice', 'America/New_York')).toBe('compliant');
    expect(at('20:59:59', 'sms', 'Europe/London')).toBe('compliant');
    expect(at('21:00:00', 'sms', 'Europe/London')).toBe('deferred_quiet_hours');
    expect(at('03:00:00', 'email', 'Europe/London')).toBe('compliant');
    expect(at('12:00:00', 'sms', 'Mars/Olympus')).toBe('deferred_quiet_hours');
  });

  it('do not apply without the facts they need', () => {
    expect(strict({}, { channel: 'voice' })).toBe('compliant');
  });
});

describe('invariants', () => {
  const moment = fc
    .integer({ min: Date.parse('2015-01-01'), max: NOW.getTime() + 400_000 })
    .map((ms) => new Date(ms).toISOString());
  const timestamp = fc.oneof({ weight: 8, arbitrary: moment }, { weight: 1, arbitrary: fc.constant('soon') });
  const record: fc.Arbitrary<ConsentRecord> = fc.record({
    optIn: fc.boolean(),
    consentTimestamp: fc.option(timestamp, { nil: null }),
    withdrawalTimestamp: fc.option(timestamp, { nil: null }),
    regulatoryRegion: fc.constantFrom(...REGIONS),
  });
  const facts: fc.Arbitrary<ConsentFacts> = fc.record(
    {
      channel: fc.constantFrom(...CHANNELS),
      preference: fc.option(record, { nil: null, freq: 20 }),
      suppressed: fc.boolean(),
      optInStatus: fc.constantFrom('confirmed', 'pending'),
      timeZone: fc.constantFrom('UTC', 'Asia/Tokyo', 'nowhere'),
    },
    { requiredKeys: ['channel', 'preference'] },
  );
  const policy = fc.constantFrom<ConsentPolicy>('default', 'strict');

  it('adding a withdrawal never makes anyone eligible', () => {
    fc.assert(
      fc.property(facts, timestamp, policy, fc.boolean(), (given, withdrawalTimestamp, by, optsOut) => {
        const { preference } = given;
        fc.pre(
          preference !== null &&
            !evaluateEligibility(given, NOW, by).eligible &&
            preference.withdrawalTimestamp === null,
        );
        const withdrawn = { ...preference, withdrawalTimestamp, ...(optsOut && { optIn: false }) };
        expect(evaluateEligibility({ ...given, preference: withdrawn }, NOW, by).eligible).toBe(false);
      }),
    );
  });

  it('a later withdrawal never makes anyone eligible, and neither does a suppression', () => {
    fc.assert(
      fc.property(facts, fc.nat(1e12), policy, (given, ms, by) => {
        const { preference } = given;
        fc.pre(!evaluateEligibility(given, NOW, by).eligible);
        expect(evaluateEligibility({ ...given, suppressed: true }, NOW, by).eligible).toBe(false);
        const before = Date.parse(preference?.withdrawalTimestamp ?? '');
        fc.pre(preference !== null && !Number.isNaN(before));
        const withdrawalTimestamp = new Date(before + ms).toISOString();
        expect(
          evaluateEligibility({ ...given, preference: { ...preference, withdrawalTimestamp } }, NOW, by)
            .eligible,
        ).toBe(false);
      }),
    );
  });

  it('nobody is eligible under strict but not under default', () => {
    fc.assert(
      fc.property(facts, (given) => {
        if (evaluateEligibility(given, NOW, 'strict').eligible)
          expect(evaluateEligibility(given, NOW).eligible).toBe(true);
      }),
    );
  });

  it('every reason can be returned', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(facts, policy, (given, by) => {
        reached.add(evaluateEligibility({ ...given, suppressed: false }, NOW, by).reason);
      }),
      { numRuns: 20_000, seed: 6 },
    );
    expect([...RULE_REASONS, 'compliant'].filter((reason) => !reached.has(reason))).toEqual([]);
  });
});
