import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/cli/terminal/progress-line.ts';
import { createRateMeter } from '../../src/cli/watching/rate-meter.ts';
import { createView } from '../../src/cli/terminal/progress-view.ts';
import { sink } from './fakes.ts';

const snapshot = (settled: number, change: Partial<Snapshot> = {}): Snapshot => ({
  phase: 'writing',
  counts: { total: 100, pending: 100 - settled, created: settled },
  waitingFor: null,
  trouble: null,
  perSecond: null,
  secondsLeft: null,
  ...change,
});

function viewOn(terminal: { isTTY?: boolean; columns?: number }) {
  const { stream, text } = sink(terminal);
  const clock = { ms: 0 };
  const output = {
    stream,
    colors: pc.createColors(false),
    say: (line: string) => void stream.write(`${line}\n`),
  };
  return { view: createView(output, () => clock.ms), text, clock };
}

describe('a run on the screen', () => {
  it('is a line on each change of phase or trouble, and otherwise one every five seconds, where no terminal is', () => {
    const { view, text, clock } = viewOn({});
    for (let tick = 0; tick <= 12; tick += 1) {
      clock.ms = tick * 500;
      view.update(snapshot(tick));
    }
    expect(text().trimEnd().split('\n')).toHaveLength(2);
    view.update(snapshot(12, { trouble: 'no worker is answering' }));
    view.update(snapshot(12, { phase: 'delivering' }));
    expect(text().trimEnd().split('\n')).toHaveLength(4);
    expect(text()).not.toContain('\u001b');
  });

  it('is one line drawn over itself on a terminal, and gone in the end', () => {
    const { view, text } = viewOn({ isTTY: true, columns: 100 });
    view.update(snapshot(10));
    view.update(snapshot(20));
    view.end();
    expect(text()).not.toContain('\n');
    expect(text().endsWith('\r\u001b[2K')).toBe(true);
  });

  it('keeps what is said above the drawn line', () => {
    const { view, text } = viewOn({ isTTY: true, columns: 100 });
    view.update(snapshot(10));
    view.say('the run is paused');
    expect(text()).toMatch(/\r\u001b\[2Kthe run is paused\n\r\u001b\[2Kwriting/);
  });
});

describe('the rate', () => {
  it('is that of the last seconds', () => {
    const meter = createRateMeter();
    const rates = [0, 1_000, 2_000, 3_000].map((ms) => meter.add(ms, ms / 10));
    expect(rates).toEqual([null, null, 100, 100]);
    for (let ms = 4_000; ms <= 40_000; ms += 1_000) meter.add(ms, 300 + (ms - 3_000) / 100);
    expect(meter.add(41_000, 680)).toBeCloseTo(10, 5);
  });

  it('begins afresh when a run is started again and counts less', () => {
    const meter = createRateMeter();
    meter.add(0, 500);
    meter.add(3_000, 900);
    expect(meter.add(4_000, 10)).toBeNull();
  });
});
