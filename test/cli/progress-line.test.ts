import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { bar, barLine, plainLine, type Snapshot } from '../../src/cli/terminal/progress-line.ts';

const colors = pc.createColors(false);
const WRITING: Snapshot = {
  phase: 'writing',
  counts: { total: 10_000, pending: 3_800, created: 6_140, invalid: 60 },
  waitingFor: null,
  trouble: null,
  perSecond: 1_240.4,
  secondsLeft: 3.1,
};

describe('the line that says where a run is', () => {
  it('has phase, share, rate, time left and what needs a look', () => {
    expect(plainLine(WRITING)).toBe(
      'writing to CXone: 6,200 of 10,000 (62.0 %), 1,240/s, about 3 s left, 60 invalid',
    );
  });

  it('counts rows while the source is read, for nothing is settled then', () => {
    const counts = { total: 4_000, pending: 4_000 };
    const line = plainLine({ ...WRITING, phase: 'staging', counts, perSecond: null, secondsLeft: null });
    expect(line).toBe('reading and checking the source: 4,000 rows');
  });

  it('says what the run waits for, and trouble before that', () => {
    const waiting = { ...WRITING, phase: 'paused', waitingFor: 'resume (paused by dana)' } as const;
    expect(plainLine(waiting)).toContain('; resume (paused by dana)');
    expect(plainLine({ ...waiting, trouble: 'no worker is answering' })).toMatch(/; no worker is answering$/);
  });

  it('is never longer than the terminal is wide', () => {
    for (const columns of [10, 40, 80, 200]) {
      expect(barLine(WRITING, colors, columns).length).toBeLessThan(columns);
    }
  });

  it('has a full bar only when everything is settled', () => {
    expect(bar(1)).not.toContain('░');
    expect(bar(0.999)).toContain('░');
    expect(bar(0)).not.toContain('█');
  });
});
