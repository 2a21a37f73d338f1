import { describe, expect, it } from 'vitest';
import { readFlags } from '../../src/simulator/flags.ts';
import { generatedSuppression } from '../../src/simulator/lists.suppressions.ts';
import { startLists as start } from './lists-stand.ts';

describe('suppressions', () => {
  it('a new tenant has a few; more can be added, or all replaced', async () => {
    const { admin, suppressions } = await start();
    expect((await suppressions()).entries).toHaveLength(11);
    await admin.seedSuppressions({ entries: [{ contactId: 'c1' }] });
    expect((await suppressions()).entries[11]).toEqual({ contactId: 'c1' });
    await admin.seedSuppressions({ replace: true, entries: [{ phoneNumber: '1' }, {}] });
    expect(await suppressions()).toEqual({ isComplete: true, entries: [{ phoneNumber: '1' }, {}] });
    await admin.seedSuppressions({ replace: true });
    expect(await suppressions()).toEqual({ isComplete: true, entries: [] });
  });

  it.each([1, 7, 100])('in pages of %i they are the same as in one answer', async (suppressionsPerPage) => {
    const { admin, suppressions } = await start({ suppressionsPerPage });
    await admin.seedSuppressions({ replace: true, entries: [{ contactId: 'c1' }], generated: { count: 20 } });
    const whole = await suppressions();
    await admin.change({ suppressionsAs: 'pages' });
    expect(await suppressions()).toEqual(whole);
    expect(whole.entries).toHaveLength(21);
  });

  it('100,000 generated ones are all different, phones and addresses, and the same for the same seed', async () => {
    const { admin, suppressions } = await start();
    await admin.seedSuppressions({ replace: true, generated: { count: 100_000, seed: 7 } });
    const { entries, isComplete } = await suppressions();
    expect(isComplete).toBe(true);
    const texts = entries.map((entry) => Object.values(entry as object).join());
    expect(new Set(texts).size).toBe(100_000);
    expect(texts.filter((text) => /^\+1\d{3}[2-9]\d{6}$/.test(text))).toHaveLength(90_000);
    expect(entries[42]).toEqual(generatedSuppression(7, 42));
    expect(generatedSuppression(8, 42)).not.toEqual(generatedSuppression(7, 42));
  });

  it('flags set their form', () => {
    const flags = '--suppressions-as pages --suppressions-per-page 20 --without-item-count';
    expect(readFlags(flags.split(' '))).toMatchObject({
      suppressionsAs: 'pages',
      suppressionsPerPage: 20,
      countItems: false,
    });
    expect(() => readFlags(['--suppressions-as', 'list'])).toThrow();
    expect(() => readFlags(['--suppressions-per-page', '0'])).toThrow();
  });

  it('refuses another status and an unknown cursor', async () => {
    const { api } = await start({ suppressionsAs: 'pages' });
    const path = '/api/v2/compliance/suppressions';
    expect((await api('GET', path)).status).toBe(400);
    expect((await api('GET', `${path}?status=ALL`)).status).toBe(400);
    expect((await api('GET', `${path}?status=ACTIVE&cursor=x`)).status).toBe(400);
  });

  it.each([true, 'cut'] as const)('an answer can be cut off: %s', async (truncate) => {
    const { admin, suppressions } = await start({
      faults: [{ fault: { truncate }, match: { method: 'GET' } }],
    });
    await admin.seedSuppressions({ replace: true, generated: { count: 10_000 } });
    const { entries, isComplete } = await suppressions();
    expect(isComplete).toBe(false);
    expect(entries.length).toBeGreaterThan(1_000);
    expect(entries.length).toBeLessThan(10_000);
  });
});
