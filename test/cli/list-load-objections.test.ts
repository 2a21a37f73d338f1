import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { listLoadFacts } from '../../src/cli/render/list-load-facts.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

describe('people who have objected since they were loaded', () => {
  const counts = { total: 3, pending: 0, created: 3 };
  const watch = async (objectedSince: number | null, change: object = {}) => {
    const result = { kind: 'listLoad', counts, campaignId: 'C1', objectedSince, dryRun: false };
    const events = { delivered: 1, undelivered: 0 };
    const stored = { ...result, requests: 2, averageLatencyMs: 80, events };
    const ended = finished({ kind: 'listLoad', target: 'L1', result: stored, ...change });
    const cli = fakeCli(fakeSession({ run: ended, counts }));
    return { code: await run(['watch', 'r1'], cli), text: cli.out() };
  };

  it.each([
    [
      2,
      '2 records loaded before',
      'remove from the list in CXone the 2 records of people who have objected since',
    ],
    [null, 'not known', 'it is not known whether loaded people have objected since'],
  ])('%s: are in the text, with how to find them, and need attention', async (objected, fact, step) => {
    const { code, text } = await watch(objected);
    expect(code).toBe(3);
    expect(text).toMatch(new RegExp(`objected since +${fact}`));
    expect(text).toContain(step);
    expect(text).toContain('cxflow list load FILE --list L1 --campaign C1 --fit --dry-run');
    expect(text).toContain('remove from the list in CXone whoever this run has loaded');
    expect(text).toContain('cxflow records DRY_RUN --outcome suppressed');
  });

  it('are named after a cancelled run too, whose exit code stays', async () => {
    const { code, text } = await watch(1, { state: 'cancelled' });
    expect(code).toBe(4);
    expect(text).toContain('remove from the list in CXone the 1 record of people who have objected since');
  });

  it('are not mentioned if there are none', async () => {
    const { code, text } = await watch(0);
    expect(code).toBe(0);
    expect(text).not.toContain('objected');
  });

  it('are a fact of the result', () => {
    expect(listLoadFacts({ objectedSince: 2 })).toEqual([['objected since', '2 records loaded before']]);
    expect(listLoadFacts({ objectedSince: null })).toEqual([
      ['objected since', "not known: CXone's list could not be relied on"],
    ]);
    expect(listLoadFacts({ objectedSince: 0 })).toEqual([]);
  });
});
