import { describe, expect, it } from 'vitest';
import { figuresOf, leads, listLoadStand, phone, phones } from './list-loads.ts';

const { start } = listLoadStand();

describe('a list load', () => {
  it('uploads by score, leaves out duplicates and suppressed people, and counts them', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(3), replace: true });
    const { run, plan, result } = await cxone.runToEnd([...leads(1, 5, 3, 2), ...leads(5)]);
    expect(await cxone.uploaded()).toEqual([phone(5), phone(2), phone(1)]);
    expect(await cxone.outcomes(run)).toMatchObject({ 3: 'suppressed suppressed_by_cxone' });
    expect(plan).toMatchObject({
      total: 5,
      toWrite: 3,
      duplicate: 1,
      suppressed: 1,
      batches: 2,
      openPages: 1,
    });
    expect(figuresOf(plan)).toMatchObject({
      capacity: { before: 0, after: 3, max: 100_000, reserved: 0 },
      suppressions: { entries: 1, unidentified: 0 },
      suppressed: [{ list: 'cxone', by: 'phone number', n: 1 }],
      scores: [3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    });
    expect(result).toMatchObject({
      kind: 'listLoad',
      counts: { total: 5, created: 3, duplicate: 1, suppressed: 1 },
      capacity: { before: 0, after: 3, max: 100_000 },
      suppressions: { entries: 1 },
      metrics: { rawIngested: 5, uniqueProcessed: 3, deduplicationRate: '20.00%', successes: 3, failures: 0 },
    });
  });
});
