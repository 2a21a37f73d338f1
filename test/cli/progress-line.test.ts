import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import {
  renderBar,
  renderBarLine,
  renderPlainLine,
  type Snapshot,
} from '../../src/cli/terminal/progress-line.ts';

const colors = pc.createColors(false);
const WRITING: Snapshot = {
  phase: 'writing',
  counts: { total: 10_000, pending: 3_800, created: 6_140, invalid: 60 },
  waitingFor: null,
  trouble: null,
  perSecond: 1_240.4,
  secondsLeft: 3.1,
};

describe('the progress line', () => {
  it('shows phase, share, rate, time left and what needs attention', () => {
    expect(renderPlainLine(WRITING)).toBe(
      'writing to CXone: 6,200 of 10,000 (62.0 %), 1,240/s, about 3 s left, 60 invalid',
    );
  });

  it('counts rows while the source is read, because nothing is settled yet', () => {
    const counts = { total: 4_000, pending: 4_000 };
    const line = renderPlainLine({
      ...WRITING,
      phase: 'staging',
      counts,
      perSecond: null,
      secondsLeft: null,
    });
    expect(line).toBe('reading and checking the source: 4,000 rows');
  });

  it('shows what the run waits for, unless there is trouble', () => {
    const waiting = { ...WRITING, phase: 'paused', waitingFor: 'resume (paused by dana)' } as const;
    expect(renderPlainLine(waiting)).toContain('; resume (paused by dana)');
    expect(renderPlainLine({ ...waiting, trouble: 'no worker answers' })).toMatch(/; no worker answers$/);
  });

  it('has no rate while the run waits, and the words of the operation instead of what it waits for', () => {
    const waiting = { ...WRITING, waitingFor: '2026-03-02T00:00:00Z, when the day begins' };
    expect(renderPlainLine(waiting)).toBe(
      'writing to CXone: 6,200 of 10,000 (62.0 %), 60 invalid; 2026-03-02T00:00:00Z, when the day begins',
    );
    const tracking = { ...waiting, phase: 'tracking', note: '3 jobs open, 1 of 2 delivered' } as const;
    expect(renderBarLine(tracking, colors, 80)).toBe(
      'following the messages  3 jobs open, 1 of 2 delivered  60 invalid',
    );
  });

  it('is never longer than the terminal is wide', () => {
    for (let columns = 2; columns < 200; columns += 1) {
      expect(renderBarLine(WRITING, colors, columns).length).toBeLessThan(columns);
      const trouble = { ...WRITING, trouble: 'no worker answers; start one with `cxflow worker`' };
      expect(renderBarLine(trouble, colors, columns).length).toBeLessThan(columns);
    }
  });

  it('shortens its bar first, then leaves out what matters least', () => {
    const large = {
      ...WRITING,
      counts: { total: 1_000_000, pending: 380_000, invalid: 60 },
      secondsLeft: 740,
    };
    const lines = [140, 100, 80, 70, 60, 50, 40, 26].map((columns) => renderBarLine(large, colors, columns));
    expect(lines).toEqual([
      'writing to CXone  ██████████████░░░░░░░░░░  620,000 of 1,000,000 (62.0 %)  1,240/s  about 12 min 20 s left  60 invalid',
      'writing to CXone  ████████░░░░░░  620,000 of 1,000,000 (62.0 %)  about 12 min 20 s left  60 invalid',
      'writing to CXone  ███░░░  620,000 of 1,000,000 (62.0 %)  about 12 min 20 s left',
      'writing to CXone  ███████████░░░░░░░░  62.0 %  about 12 min 20 s left',
      'writing to CXone  █████░░░░  62.0 %  about 12 min 20 s left',
      'writing to CXone  62.0 %  about 12 min 20 s left',
      'writing to CXone  62.0 %',
      'writing to CXone  62.0 %',
    ]);
  });

  it('keeps trouble rather than anything else', () => {
    const trouble = 'no worker answers; start one with `cxflow worker`';
    expect(renderBarLine({ ...WRITING, trouble }, colors, 80)).toMatch(new RegExp(`  62.0 %.*  ${trouble}$`));
    expect(renderBarLine({ ...WRITING, trouble }, colors, 60)).toBe(trouble);
  });

  it('has a full bar only if every record is settled', () => {
    expect(renderBar(1, 24)).not.toContain('░');
    expect(renderBar(0.999, 24)).toContain('░');
    expect(renderBar(0, 24)).not.toContain('█');
  });
});
