import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coalesce, readTogether } from '../../src/ledger/coalesce.ts';

interface Sent {
  readonly inputs: readonly string[];
}

/** The key of `a1` is its letter. The output is the input in capitals. */
function counting(fails: (inputs: readonly string[]) => Error | null = () => null) {
  const sent: Sent[] = [];
  let [underWay, most] = [0, 0];
  const call = coalesce<string, string>({
    groupKey: (input) => input[0] ?? '',
    maxInputs: 4,
    send: async (inputs) => {
      sent.push({ inputs });
      underWay += 1;
      most = Math.max(most, underWay);
      await delay(1);
      underWay -= 1;
      const error = fails(inputs);
      if (error) throw error;
      return inputs.map((input) => input.toUpperCase());
    },
  });
  return { call, sent, mostUnderWay: () => most };
}

describe('coalesced calls', () => {
  it('each get their own output, and never share a statement with another key (property)', async () => {
    const input = fc.tuple(fc.constantFrom('a', 'b'), fc.nat(99)).map(([key, n]) => `${key}${n}`);
    await fc.assert(
      fc.asyncProperty(fc.array(input, { minLength: 1, maxLength: 40 }), async (inputs) => {
        const { call, sent } = counting();
        expect(await Promise.all(inputs.map(call))).toEqual(inputs.map((each) => each.toUpperCase()));
        expect(sent.flatMap((each) => each.inputs).toSorted()).toEqual(inputs.toSorted());
        for (const each of sent) {
          expect(new Set(each.inputs.map((one) => one[0])).size).toBe(1);
          expect(each.inputs.length).toBeLessThanOrEqual(4);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('do not wait in order to be combined', async () => {
    const { call, sent } = counting();
    expect([await call('a1'), await call('a2')]).toEqual(['A1', 'A2']);
    expect(sent).toHaveLength(2);
  });

  it('need fewer statements than calls when many arrive at once, and one statement at a time', async () => {
    const { call, sent, mostUnderWay } = counting();
    await Promise.all(Array.from({ length: 16 }, (_, i) => call(`a${i}`)));
    expect(sent).toHaveLength(4);
    expect(mostUnderWay()).toBe(1);
  });

  it('wait for no call with another key', async () => {
    let release: (() => void) | undefined;
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    const call = coalesce<string, string>({
      groupKey: (input) => input[0] ?? '',
      maxInputs: 4,
      send: async (inputs) => {
        if (inputs.includes('a1')) await stuck;
        return inputs;
      },
    });
    const [first, second] = [call('a1'), call('b1')];
    expect(await second).toBe('b1');
    expect(await call('b2')).toBe('b2');
    release?.();
    expect(await first).toBe('a1');
  });

  it('are sent again one by one when one of them is wrong', async () => {
    const { call, sent } = counting((inputs) => (inputs.includes('a2') ? new Error('wrong') : null));
    const answers = await Promise.allSettled(['a1', 'a2', 'a3'].map(call));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(sent.map(({ inputs }) => inputs.length)).toEqual([3, 1, 1, 1]);
    expect(await call('a4')).toBe('A4');
  });

  it.each(['40001', '40P01', '55P03', '57014'])(
    'are sent again one by one after a rollback (%s), so that a slow lock fails only one of them',
    async (code) => {
      const undone = Object.assign(new Error('undone'), { code });
      const { call, sent } = counting((inputs) => (inputs.includes('a2') ? undone : null));
      const answers = await Promise.allSettled(['a1', 'a2', 'a3'].map(call));
      expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(sent.map(({ inputs }) => inputs.length)).toEqual([3, 1, 1, 1]);
    },
  );

  it('all fail and are not sent again when the ledger is unavailable, because they may have been committed', async () => {
    const away = Object.assign(new Error('away'), { code: '57P01' });
    const { call, sent } = counting(() => away);
    const answers = await Promise.allSettled(['a1', 'a2'].map(call));
    expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    expect(sent).toHaveLength(1);
  });
});

describe('reading together', () => {
  it('gives no answer that is older than the call, and reads less often than it is called', async () => {
    let [value, reads] = [0, 0];
    const read = readTogether(async (_: number) => {
      reads += 1;
      // The value of the moment at which the statement begins.
      const now = value;
      await delay(1);
      return now;
    });
    const asked = await Promise.all(
      Array.from({ length: 40 }, async () => {
        await delay(Math.random() * 10);
        const atLeast = (value += 1);
        return { atLeast, answer: await read(1) };
      }),
    );
    for (const { atLeast, answer } of asked) expect(answer).toBeGreaterThanOrEqual(atLeast);
    expect(reads).toBeLessThan(40);
  });

  it('is for the same thing only', async () => {
    const read = readTogether((n: number) => Promise.resolve(n));
    expect(await Promise.all([1, 2, 1].map(read))).toEqual([1, 2, 1]);
  });
});
