import { describe, expect, it, onTestFinished } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { freshDatabase } from '../harness/fresh.ts';

const ANNA = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

function opener(url: string) {
  return (pepper: string | null = null) => {
    const ledger = openLedger(url, 2, { pepper });
    onTestFinished(() => ledger.close());
    return ledger;
  };
}

describe('the pepper', () => {
  it('changes the hashes, in the same way for every process that has it', async () => {
    const open = opener(await freshDatabase());
    await open().migrate();
    const [plain, hot] = [await open().subjects.hash(ANNA), await open('hot').subjects.hash(ANNA)];
    expect(hot).not.toBe(plain);
    expect(await open('hot').subjects.hash(ANNA.toUpperCase())).toBe(hot);
  });

  it.each([
    ['another pepper', 'mild'],
    ['no pepper', null],
  ])('registered by a worker, rejects %s, which would overlook objections', async (_, wrong) => {
    const open = opener(await freshDatabase());
    await open().migrate();
    await open('hot').subjects.registerPepper();
    await open('hot').subjects.registerPepper();
    await expect(open(wrong).subjects.hash(ANNA)).rejects.toThrow('CXFLOW_PEPPER');
    await expect(open(wrong).subjects.registerPepper()).rejects.toThrow('CXFLOW_PEPPER');
    expect(await open('hot').subjects.hash(ANNA)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('cannot be added to a ledger that was started without one', async () => {
    const open = opener(await freshDatabase());
    await open().migrate();
    await open().subjects.registerPepper();
    await expect(open('hot').subjects.hash(ANNA)).rejects.toThrow('CXFLOW_PEPPER');
  });
});
