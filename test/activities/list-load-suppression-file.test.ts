/** `suppress`: a file of people who must not be called, beside CXone's list. */
import { describe, expect, it } from 'vitest';
import { someId } from '../ledger/harness.ts';
import { figuresOf, leads, listLoadStand, phone, phones } from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start } = listLoadStand();

async function* bytes(text: string): AsyncIterable<Buffer> {
  yield await Promise.resolve(Buffer.from(text));
}

async function stageFile(text: string): Promise<string> {
  const { id } = await opened().ledger.datasets.stage(someId('dnc'), 'csv', bytes(text));
  return id;
}

async function startWithList() {
  const cxone = await start();
  await cxone.admin.seedSuppressions({ entries: phones(1), replace: true });
  return cxone;
}

describe('a file of suppressed people', () => {
  it('is obeyed together with the list of CXone, whose figures stay its own', async () => {
    const cxone = await startWithList();
    const suppress = await stageFile(
      'Phone,country,contactId,phone2\n(415) 555-0002,US,,\n,,LEAD-3,\n,US,other,415 555 0005\n',
    );
    const { run, plan } = await cxone.plan(leads(1, 2, 3, 4, 5), { suppress });
    expect(plan).toMatchObject({ suppressed: 4, toWrite: 1 });
    expect(figuresOf(plan).suppressions).toMatchObject({ entries: 1, unidentified: 0, fileRows: 3 });
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(4)]);
    expect((await cxone.close(run)).suppressions).toMatchObject({ entries: 1, fileRows: 3 });
    const without = await cxone.plan(leads(6));
    expect(figuresOf(without.plan).suppressions).toMatchObject({ entries: 1, fileRows: null });
  });

  it('is not relied on if a row identifies nobody or is broken', async () => {
    const cxone = await startWithList();
    const suppress = await stageFile('phone,country\n41555501,US\n+14155550002,US,surplus\n+14155550003,\n');
    const run = await cxone.open(leads(4), { suppress });
    const failure = await getFailure(cxone.stage(run));
    expect(failure.type).toBe('SuppressionsDoubtful');
    expect(failure.message).toContain('2 entries of the suppression list identify nobody');
  });

  it('ends the run if it has no rows, no column that says who is meant, or is gone', async () => {
    const cxone = await startWithList();
    for (const [suppress, message] of [
      [await stageFile('phone,email\n'), 'there is a header, but no row'],
      [await stageFile('mobile\n+14155550002\n'), 'No column says who must not be called'],
      [await stageFile('phone,mobile\n,+14155550002\n'), '1 of the columns would be ignored'],
      ['ds_csv_gone', 'is not in the ledger'],
    ] as const) {
      const run = await cxone.open(leads(4), { suppress });
      const failure = await getFailure(cxone.stage(run));
      expect(failure).toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
      expect(failure.message).toContain(message);
    }
  });
});
