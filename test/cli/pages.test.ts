/** Lists that are shown page by page, with a ledger of their own: every page prints the command of the next. */
import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { ledgerOfFile, openRun } from '../ledger/harness.ts';
import { fakeSession } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const opened = ledgerOfFile();
const TENANT = 'acme';

async function cxflow(...args: readonly string[]) {
  const { executions } = fakeSession({}) as Session;
  const config = { cxone: { tenant: TENANT } } as Session['config'];
  const cli = fakeCli({ ledger: opened().ledger, executions, config });
  const code = await run(args, cli);
  return { code, out: cli.out(), err: cli.err() };
}

/** The arguments of the printed command; none has a blank. */
const nextCommand = (out: string): readonly string[] | undefined =>
  /^ {2}show the next:\n {4}cxflow (.+)$/m.exec(out)?.[1]?.split(' ');

/** From page to page until none follows. */
async function pagesFrom(...args: readonly string[]): Promise<readonly string[]> {
  const pages: string[] = [];
  for (let next: readonly string[] | undefined = args; next; ) {
    const { code, out, err } = await cxflow(...next);
    expect([code, err]).toEqual([0, '']);
    pages.push(out);
    next = nextCommand(out);
  }
  return pages;
}

const matchesIn = (pages: readonly string[], pattern: RegExp) =>
  pages.map((page) => [...page.matchAll(pattern)].map(([, match]) => match));

interface JsonPage {
  readonly older: number;
  readonly next: string | number | null;
}

const jsonPage = async (...args: readonly string[]) =>
  JSON.parse((await cxflow(...args, '--json')).out) as JsonPage & Record<string, unknown>;

describe('list show', () => {
  it('goes through all loads of the list, and through no other run', async () => {
    const { ledger } = opened();
    const input = { listId: 'L1', campaignId: 'C1' };
    for (const n of [1, 2, 3, 4, 5]) {
      await openRun(ledger, { runId: `load-${n}`, kind: 'listLoad', input });
      await openRun(ledger, { runId: `import-${n}` });
    }
    const show = ['list', 'show', 'L1', '--limit', '2'];
    const pages = await pagesFrom(...show);
    expect(matchesIn(pages, /^ {2}(load-\d|import-\d) /gm)).toEqual([
      ['load-5', 'load-4'],
      ['load-3', 'load-2'],
      ['load-1'],
    ]);
    expect(pages[0]).toContain('3 older loads are not shown');
    expect(pages[1]).toContain('1 older load is not shown');
    expect(await jsonPage(...show)).toMatchObject({ older: 3, next: 'load-4' });
    expect(await jsonPage(...show, '--before', 'load-3')).toMatchObject({ older: 0, next: null });
    expect((await cxflow(...show, '--before', 'load-1')).out).toBe('there is no older load\n');
    expect((await cxflow(...show, '--before', 'no-such-run')).code).toBe(2);
  });
});

describe('selection history', () => {
  it('goes through all updates of the campaign, and through those of no other', async () => {
    const { ledger } = opened();
    for (const n of [1, 2, 3, 4, 5]) {
      for (const campaignId of ['C1', 'C2']) {
        const runId = `${campaignId.toLowerCase()}-update-${n}`;
        const { run_no: runNo } = await openRun(ledger, { runId, kind: 'selectionUpdate' });
        const campaign = { tenant: TENANT, campaignId };
        const read = { version: n, document: {}, selection: {} };
        const { id } = await ledger.campaigns.saveSnapshot(campaign, read);
        const planned = { ...campaign, base: {}, desired: {}, differences: [] };
        await ledger.selections.plan({ ...planned, run: runNo, baseSnapshot: id });
      }
    }
    const history = ['selection', 'history', 'C1', '--limit', '2'];
    const pages = await pagesFrom(...history);
    expect(matchesIn(pages, /^(c\d-update-\d)$/gm)).toEqual([
      ['c1-update-5', 'c1-update-4'],
      ['c1-update-3', 'c1-update-2'],
      ['c1-update-1'],
    ]);
    expect(pages[0]).toContain('3 older updates are not shown');
    const json = await jsonPage(...history);
    expect(json).toMatchObject({ older: 3, next: 'c1-update-4' });
    expect(json.updates).not.toContainEqual(expect.objectContaining({ runNo: expect.anything() as number }));
    expect((await cxflow(...history, '--before', 'c1-update-1')).out).toContain('there is no older update');
  });
});

describe('suppressions list', () => {
  const people = [1, 2, 3, 4, 5].map((n) => `person-${n}`);
  const list = ['suppressions', 'list', '--reason', 'paged', '--limit', '2'];

  it('goes through all entries, also of the same moment, and misses none that is renewed meanwhile', async () => {
    // As a file without dates is imported: all at once, and with more digits than a Date has.
    const since = '2026-06-01T08:00:00.123456Z';
    const target = (value: string) => ({ kind: 'contact', value }) as const;
    const entry = { channel: 'sms', reason: 'paged', code: null, since } as const;
    const { suppressions } = opened().ledger;
    const add = (date: string, who: readonly string[]) =>
      suppressions.addEntries([who.map((each) => ({ ...entry, since: date, target: target(each) }))], {
        by: 'dana',
      });
    await add(since, people);
    await add('2026-05-01T08:00:00Z', ['person-6']);

    const subjects: unknown[] = [];
    let before: readonly string[] = [];
    for (let page = 0; page < 3; page += 1) {
      const { entries, older, next, total } = await jsonPage(...list, ...before);
      expect([older, total]).toEqual([4 - 2 * page, 6]);
      subjects.push(...(entries as { entry: string }[]).map((each) => each.entry));
      before = next === null ? [] : ['--before', String(next)];
    }
    expect(new Set(subjects).size).toBe(6);

    const first = await cxflow(...list, '--channel', 'sms');
    expect(first.out).toContain('4 older entries are not shown');
    await add('2026-07-01T08:00:00Z', people.slice(0, 1));
    const next = nextCommand(first.out) ?? [];
    expect(next).toEqual(expect.arrayContaining(['--limit', '--channel', '--reason', '--before']));
    const others = await pagesFrom(...next);
    expect(matchesIn(others, / (sms) +paged /g).flat().length).toBeGreaterThanOrEqual(3);
    expect(others.at(-1)).toContain('6 entries in all');
    const { out } = await cxflow(...list, '--before', `2026-01-01,${String(subjects[0])},sms`);
    expect(out).toBe('there is no older entry\n6 entries in all\n');
  });

  it('goes through what was taken off in the same way', async () => {
    const { suppressions } = opened().ledger;
    const listed = await suppressions.newest({ reason: 'paged' }, 5);
    for (const each of listed) await suppressions.remove([each], { by: 'dana', reason: 'a mistake' });
    const pages = await pagesFrom(...list, '--removed');
    expect(matchesIn(pages, / (sms) +paged /g).map((page) => page.length)).toEqual([2, 2, 1]);
    expect(pages[0]).toContain('3 older removals are not shown');
    const { removals, next } = await jsonPage(...list, '--removed');
    expect(next).toBe((removals as { removalNo: number }[]).at(-1)?.removalNo);
    expect((await cxflow(...list, '--removed', '--before', '0')).out).toBe('there is no older removal\n');
  });

  it('refuses a position that no page has printed', async () => {
    for (const args of [
      ['--before', 'latest'],
      ['--before', '2026-06-01,contact.0123,sms'],
      ['--before', '-1', '--removed'],
    ]) {
      const { code, err } = await cxflow(...list, ...args);
      expect([code, err]).toEqual([2, expect.stringContaining('--before takes the ')]);
    }
  });
});
