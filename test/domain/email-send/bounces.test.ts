/** What a bounce means. Each line is somebody's bug report: a dead address that is mailed again, or a living one blocked for good. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BOUNCE_CLASSES,
  classifyBounce,
  LABEL_RULES,
  SMTP_RULES,
  STATUS_RULES,
} from '../../../src/domain/email-send/bounces.ts';
import { eventKey } from '../../../src/domain/email-send/events.ts';
import { toEvent } from './event-lines.ts';

const classify = (code: string | null, description: string | null = null, label: string | null = null) =>
  classifyBounce({ code, description, label });
const classOf = (...bounce: Parameters<typeof classify>) => classify(...bounce).class;

describe('bounces with contradictory evidence', () => {
  const lines = [
    ['b1', 'Permanent', '5.1.1', 'smtp; 550 5.1.1 no such user'],
    ['b2', 'Transient', '5.4.4', 'smtp; 550 5.4.4 invalid domain'],
    ['b3', 'Permanent', '5.2.2', 'smtp; 552 5.2.2 over quota'],
    ['b4', 'Transient', '4.4.1', 'smtp; 421 4.4.1 timed out'],
    ['b5', 'Permanent', '5.7.1', 'smtp; 550 5.7.1 blocked, reputation of sending host'],
    ['b6', 'Undetermined', null, 'smtp; 550 mailbox not found'],
    ['b7', 'Complaint', null, 'abuse'],
    ['b8', 'Permanent', '5.1.1', 'smtp; 550 5.1.1 no such user'],
    ['b9', 'Permanent', '5.1.1 (bad)', 'x-odd; ???'],
    ['b1', 'Permanent', '5.1.1', 'smtp; 550 5.1.1 no such user'],
  ] as const;
  const classes = ['hard', 'hard', 'soft', 'soft', 'policy', 'hard', 'complaint', 'hard', 'unknown'];

  it('are classified by the status before the SMTP code before the label', () => {
    const found = lines
      .slice(0, 9)
      .map(([, label, status, diagnostic]) => classOf(status, diagnostic, label));
    expect(found).toEqual(classes);
  });

  it('add up to the different events', () => {
    const events = lines.map(([id, label, status, diagnostic]) =>
      toEvent({ type: 'bounced', id, label, status, diagnostic }),
    );
    const distinct = new Map(events.map((event) => [eventKey(event), event]));
    expect(distinct.size).toBe(classes.length);
  });
});

describe('a code', () => {
  it.each([
    ['5.1.1', 'hard', '5.1.1'],
    [' 4.4.1', 'soft', '4.4.1'],
    ['450 4.2.1', 'soft', '4.2.1'],
    ['550-5.1.1', 'hard', '5.1.1'],
    ['550 5.1.1 no such user', 'hard', '5.1.1'],
    ['#5.1.1', 'hard', '5.1.1'],
    ['5.1.10', 'hard', '5.1.10'],
    ['5.1.0', 'hard', '5.1.0'],
    ['5.1.7', 'policy', '5.1.7'],
    ['5.1.8', 'policy', '5.1.8'],
    ['5.1.5', 'unknown', '5.1.5'],
    ['5.2.1', 'unknown', '5.2.1'],
    ['5.2.2', 'soft', '5.2.2'],
    ['5.2.23', 'unknown', '5.2.23'],
    ['5.7.26', 'policy', '5.7.26'],
    ['4.7.1', 'soft', '4.7.1'],
    ['4.999.999', 'soft', '4.999.999'],
    ['5.0.0', 'unknown', '5.0.0'],
    ['2.0.0', 'unknown', '2.0.0'],
    ['421', 'soft', null],
    ['452', 'soft', null],
    ['430', 'unknown', null],
    ['550', 'unknown', null],
    ['552', 'unknown', null],
    ['554', 'unknown', null],
  ])('%j is %s', (code, bounceClass, status) => {
    expect(classify(code, null, 'Permanent')).toMatchObject({ class: bounceClass, status });
  });

  it.each([
    '5.1.1 (bad)',
    '5.1',
    '5.01.1',
    '5.1.1.1',
    '3.1.1',
    '6.1.1',
    '5.1.1000',
    'odd',
    '55',
    '5501',
    '?',
  ])('%j is none, and the label does not decide in its place', (code) => {
    expect(classify(code, null, 'Permanent')).toEqual({ class: 'unknown', status: null, code: null });
  });

  it('is looked for in the description, too', () => {
    expect(classify('bounced', 'smtp; 550 5.1.1 no such user')).toMatchObject({ class: 'hard' });
    expect(classify('550', '550 5.2.2 over quota')).toMatchObject({ class: 'soft', status: '5.2.2' });
    expect(classOf(null, 'mx.example.com said: 550-5.1.1 The account is gone')).toBe('hard');
    expect(classOf(null, '5.7.1 blocked')).toBe('policy');
    expect(classOf(null, '421 try again later', 'Permanent')).toBe('soft');
    expect(classOf(null, 'mx.example.com said: 452 try again later')).toBe('soft');
    expect(classOf('4.4.1', 'smtp; 550 5.1.1 no such user')).toBe('soft');
  });

  it('is not read from what is none: addresses of hosts, versions, diagnostics of other systems', () => {
    expect(classOf(null, 'host 5.1.1.20 refused', 'Transient')).toBe('soft');
    expect(classOf(null, 'exim 4.9.2 gave up', 'Permanent')).toBe('hard');
    expect(classOf(null, 'x-odd; 550 5.1.1 no such user')).toBe('unknown');
    expect(classOf(null, 'message of 550 kB', 'Transient')).toBe('soft');
  });

  it('is returned without the text around it, which may contain the address', () => {
    expect(classify(null, 'smtp; 550 5.1.1 <p1@example.com> unknown').code).toBe('5.1.1');
    expect(classify('550 p1@example.com does not exist').code).toBe('550');
  });
});

describe('550, 551 and 553', () => {
  it.each([
    'mailbox not found',
    'No such user here',
    'user unknown',
    'Unknown user: p1@example.com',
    'Recipient address rejected: User unknown in local recipient table',
    'The email account that you tried to reach does not exist',
    'sorry, no mailbox here by that name',
    'invalid recipient',
    "address doesn't exist",
  ])('are hard if the text says that the address does not exist: %s', (text) => {
    expect(['550', '551', '553'].map((code) => classOf(null, `smtp; ${code} ${text}`))).toEqual([
      'hard',
      'hard',
      'hard',
    ]);
    expect(classOf('550', text)).toBe('hard');
    expect(classOf('554', text)).toBe('unknown');
  });

  it.each([
    'mailbox unavailable',
    'blocked',
    'User not local; please try <p1@example.com>',
    'Sender address rejected: domain not found',
    'no such user as the sender, MAIL FROM is refused',
    'relaying denied',
    '',
  ])('are unknown otherwise: %s', (text) => {
    expect(classOf(null, `smtp; 550 ${text}`, 'Permanent')).toBe('unknown');
  });
});

describe('the label', () => {
  it.each([
    ['Permanent', 'hard'],
    ['HardBounce', 'hard'],
    ['Transient', 'soft'],
    ['soft bounce', 'soft'],
    ['Undetermined', 'unknown'],
    ['complaint', 'complaint'],
    ['AutoResponder', 'auto_reply'],
    ['auto-reply', 'auto_reply'],
    ['Blocked', 'policy'],
    ['Something else', 'unknown'],
    ['constructor', 'unknown'],
    [null, 'unknown'],
  ])('%s is %s if there is no code', (label, bounceClass) => {
    expect(classOf(null, null, label)).toBe(bounceClass);
    expect(classOf(' ', '', label)).toBe(bounceClass);
  });
});

describe('classification', () => {
  const anything = fc.option(
    fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(700), fc.nat(9), fc.nat(30), fc.nat(30)).map(([a, b, c, d]) => `${a} ${b}.${c}.${d}`),
    ),
  );
  const digits = fc.integer({ min: 0, max: 999 });

  it('has an answer for everything', () => {
    fc.assert(
      fc.property(anything, anything, anything, (code, description, label) => {
        const { class: found, status } = classify(code, description, label);
        expect([...BOUNCE_CLASSES, 'complaint', 'auto_reply']).toContain(found);
        expect(status ?? '5.1.1').toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/);
      }),
    );
  });

  it('lets neither description nor label change what a status means', () => {
    fc.assert(
      fc.property(fc.constantFrom(4, 5), digits, digits, anything, anything, (type, a, b, text, label) => {
        const status = `${type}.${a}.${b}`;
        expect(classify(status, text, label)).toEqual(classify(status));
        if (type === 4) expect(classOf(status)).toBe('soft');
      }),
    );
  });

  it('has one rule for each status, code and label', () => {
    const labels = LABEL_RULES.flatMap((each) => each.labels);
    for (const keys of [STATUS_RULES.map(({ status }) => status), SMTP_RULES.map(({ code }) => code), labels])
      expect(new Set(keys).size).toBe(keys.length);
  });
});
