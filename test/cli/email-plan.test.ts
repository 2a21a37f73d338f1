/** What the plan of an email send says beyond those of other operations. */
import { describe, expect, it } from 'vitest';
import { emailSendFigures } from '../../src/cli/render/email-send-facts.ts';
import { planCanary } from '../../src/domain/email-send/canary.ts';

const figures = { dailyLimit: 5_000, days: 3, canary: null };

describe('the plan of an email send', () => {
  it('has the daily limit, how much of it is left, and the days that it takes', () => {
    expect(emailSendFigures(figures, { roomToday: 4_200 }).facts).toEqual([
      ['daily limit', "5,000 messages; 4,200 of today's are left"],
      ['takes', '3 days by the daily limit, if nothing else is sent'],
    ]);
    expect(emailSendFigures({ ...figures, days: 1 }).facts).toEqual([
      ['daily limit', '5,000 messages'],
      ['takes', '1 day by the daily limit, if nothing else is sent'],
    ]);
  });

  it('has what is expected of the recipients, apart from what CXone will say', () => {
    const suppressed = [
      { by: 'objection', n: 1 },
      { by: 'hard_bounce', n: 1_200 },
    ];
    const expected = { sent: 8_000, suppressed, ineligible: 30 };
    expect(emailSendFigures(figures, { roomToday: 4_200, expected }).facts[0]).toEqual([
      'expected',
      'at most 8,000 sent, 1,201 suppressed (1 objection, 1,200 hard bounces), 30 ineligible',
    ]);
    const all = { sent: 8_000, suppressed: [], ineligible: 0 };
    expect(emailSendFigures(figures, { expected: all }).facts[0]).toEqual(['expected', 'at most 8,000 sent']);
  });

  it('says by what the first share is judged, and how often that may be wrong', () => {
    const plan = planCanary({ recipients: 2_500, percent: 100 });
    const text = emailSendFigures({ ...figures, canary: { recipients: 2_500, batches: 25, plan } }).facts;
    expect(text).toContainEqual(['first share', '2,500 recipients in 25 batches']);
    for (const { name, pauseFrom, continueUpTo } of plan.measures) {
      const value = text.find(([fact]) => fact === `its ${name}s`)?.[1];
      expect(value).toMatch(new RegExp(`pauses from ${pauseFrom}$`));
      expect(value).toContain(continueUpTo === null ? 'asks in any case' : `up to ${continueUpTo};`);
    }
    expect(text).toContainEqual(['error rates', 'a good send pauses in at most 3 % of cases']);
    expect(text).toContainEqual(['', 'a bad one continues in at most 5 %']);
  });
});
