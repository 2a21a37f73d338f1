import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../src/cli/terminal/progress-line.ts';
import { createProgressView } from '../../src/cli/terminal/progress-view.ts';
import { createRateMeter } from '../../src/cli/watching/rate-meter.ts';
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
    print: (line: string) => void stream.write(`${line}\n`),
  };
  return { view: createProgressView(output, () => clock.ms), text, clock };
}

describe('the progress view', () => {
  it('without a terminal prints a line for each change of phase or trouble, and otherwise every five seconds', () => {
    const { view, text, clock } = viewOn({});
    for (let tick = 0; tick <= 12; tick += 1) {
      clock.ms = tick * 500;
      view.update(snapshot(tick));
    }
    expect(text().trimEnd().split('\n')).toHaveLength(2);
    view.update(snapshot(12, { trouble: 'no worker answers' }));
    view.update(snapshot(12, { phase: 'delivering' }));
    expect(text().trimEnd().split('\n')).toHaveLength(4);
    expect(text()).not.toContain('\u001b');
  });

  it('on a terminal redraws one line, and clears it at the end', () => {
    const { view, text } = viewOn({ isTTY: true, columns: 100 });
    view.update(snapshot(10));
    view.update(snapshot(20));
    view.end();
    expect(text()).not.toContain('\n');
    expect(text().endsWith('\r\u001b[2K')).toBe(true);
  });

  it('prints text above the drawn line', () => {
    const { view, text } = viewOn({ isTTY: true, columns: 100 });
    view.update(snapshot(10));
    view.print('the run is paused');
    expect(text()).toMatch(/\r\u001b\[2Kthe run is paused\n\r\u001b\[2Kwriting/);
  });
});

describe('the rate meter', () => {
  it('measures the rate of the last seconds', () => {
    const meter = createRateMeter();
    const rates = [0, 1_000, 2_000, 3_000].map((ms) => meter.add(ms, ms / 10));
    expect(rates).toEqual([null, null, 100, 100]);
    for (let ms = 4_000; ms <= 40_000; ms += 1_000) meter.add(ms, 300 + (ms - 3_000) / 100);
    expect(meter.add(41_000, 680)).toBeCloseTo(10, 5);
  });

  it('starts over if a run is started again and counts less', () => {
    const meter = createRateMeter();
    meter.add(0, 500);
    meter.add(3_000, 900);
    expect(meter.add(4_000, 10)).toBeNull();
  });
});
