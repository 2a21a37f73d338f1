/** Who is sent a message once more, and when. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOUNCE_CLASSES } from '../../../src/domain/email-send/bounces.ts';
import { isRetried, RETRIED_CLASSES, retryAt } from '../../../src/domain/email-send/retry.ts';

const bounceClass = fc.constantFrom(...BOUNCE_CLASSES);

describe('a bounced message', () => {
  it.each([
    [['soft'], 2, true],
    [['soft', 'soft'], 2, true],
    [['soft', 'soft', 'soft'], 2, false],
    [['soft'], 0, false],
    [['unknown'], 2, true],
    [['unknown', 'unknown'], 2, false],
    [['unknown', 'soft'], 2, true],
    [['soft', 'unknown'], 2, true],
    [['unknown', 'soft', 'unknown'], 5, false],
    [['unknown'], 0, false],
    [['hard'], 2, false],
    [['policy'], 2, false],
    [['soft', 'hard'], 2, false],
    [[], 2, false],
  ] as const)('%j with %i retries: %s', (bounces, retries, expected) => {
    expect(isRetried(bounces, retries)).toBe(expected);
  });

  it('is sent at most once and `retries` times more, and never after it has bounced for good', () => {
    fc.assert(
      fc.property(fc.infiniteStream(bounceClass), fc.nat(5), (answers, retries) => {
        const bounces = [];
        do bounces.push(answers.next().value);
        while (isRetried(bounces, retries));
        expect(bounces.length).toBeLessThanOrEqual(retries + 1);
        expect(RETRIED_CLASSES).toEqual(expect.arrayContaining(bounces.slice(0, -1)));
        expect(bounces.slice(0, -1).filter((each) => each === 'unknown').length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the time of a retry', () => {
  const times = {
    sentAt: '2026-11-28T10:00:00Z',
    learnedAt: '2026-11-28T12:00:00Z',
    retryAfterMs: 6 * 3_600_000,
  };

  it.each([
    ['counts from the bounce', '2026-11-28T11:00:00Z', '2026-11-28T17:00:00.000Z'],
    [
      'counts from the sending if the bounce is stamped before it',
      '2026-11-28T09:00:00Z',
      '2026-11-28T16:00:00.000Z',
    ],
    [
      'counts from when we learned of a bounce in the future',
      '2027-11-28T09:00:00Z',
      '2026-11-28T18:00:00.000Z',
    ],
    ['counts from when we learned of a bounce without a time', null, '2026-11-28T18:00:00.000Z'],
  ])('%s', (_, bouncedAt, expected) => {
    expect(retryAt({ ...times, bouncedAt })).toBe(expected);
  });
});
