import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import type { Session } from '../../src/cli/session.ts';
import { type CxflowClient, DecisionRefused, RunNotFound, type Started } from '../../src/client.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Decision } from '../../src/contract/steering.ts';
import type { Counts } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { each, fakeCli, fakeRun } from './fakes.ts';

const COUNTS: Counts = { total: 10, pending: 0, created: 8, invalid: 2 };

interface World {
  readonly started?: { input: ContactImportInput; options: { runId?: string } }[];
  readonly decided?: Decision[];
  readonly run?: Run | undefined;
  readonly counts?: Counts;
  readonly status?: Started['status'];
  readonly refuse?: Error;
}

function session({
  started = [],
  decided = [],
  run: known,
  counts = COUNTS,
  status = 'started',
  refuse,
}: World): Partial<Session> {
  const client = {
    stageFile: () =>
      Promise.resolve({ source: { dataset: 'ds_1' }, rows: 10, bytes: 1, sha256: 'x', encoding: 'utf-8' }),
    startContactImport: (input: ContactImportInput, options: { runId?: string }) => {
      started.push({ input, options });
      return Promise.resolve({ runId: options.runId ?? 'r1', status, result: null });
    },
    decide: (_: string, decision: Decision) => {
      decided.push(decision);
      return refuse ? Promise.reject(refuse) : Promise.resolve({ phase: 'writing' });
    },
  };
  const ledger = {
    runs: {
      find: () => Promise.resolve(known),
      counts: () => Promise.resolve(counts),
      list: () => Promise.resolve(known ? [known] : []),
    },
    records: { reasons: () => Promise.resolve([]), list: () => each([]) },
    audit: {
      list: () => each([]),
      verify: () =>
        Promise.resolve({
          entries: 3,
          unsealed: 0,
          head: 'h',
          finding: { seq: 2, what: 'entry 2 was changed' },
        }),
    },
  };
  return {
    config: { cxone: { contactListId: null }, sourceLimits: {} } as Session['config'],
    ledger: ledger as unknown as Session['ledger'],
    client: () => Promise.resolve(client as unknown as CxflowClient),
    executions: {
      status: () => Promise.resolve('unknown'),
      failure: () => Promise.resolve(null),
      hasWorker: () => Promise.resolve(true),
    },
    link: () => null,
  };
}

const finished = (change: Partial<Run> = {}) =>
  fakeRun({
    run_id: 'r1',
    state: 'completed',
    phase: 'done',
    finished_at: new Date('2026-03-01T10:00:12Z'),
    ...change,
  });

describe('cxflow', () => {
  it('alone shows groups of commands and a first example', async () => {
    const cli = fakeCli();
    expect(await run([], cli)).toBe(0);
    expect(cli.out()).toMatch(/Start a run:[\s\S]*Decide:[\s\S]*cxflow demo/);
    expect(cli.out()).not.toMatch(/^Commands:/m);
  });

  it.each(
    [
      ['contacts', 'import'],
      ['runs'],
      ['show'],
      ['watch'],
      ['records'],
      ['approve'],
      ['reject'],
      ['cancel'],
      ['pause'],
      ['resume'],
      ['resolve'],
      ['audit'],
      ['audit', 'verify'],
      ['worker'],
      ['dev'],
      ['demo'],
      ['doctor'],
      ['preferences', 'check'],
      ['preferences', 'update'],
      ['preferences', 'history'],
      ['erase'],
    ].map((command) => ({ name: command.join(' '), command })),
  )('$name --help teaches by example', async ({ command }) => {
    const cli = fakeCli();
    expect(await run([...command, '--help'], cli)).toBe(0);
    expect(cli.out()).toMatch(/Examples:\n {2}# /);
  });

  it.each([
    [['nonsense'], 'unknown command'],
    [['runs', '--nonsense'], 'unknown option'],
    [['runs', '--limit', 'many'], 'whole number'],
    [['show'], "missing required argument 'run'"],
    [['contacts', 'import'], 'name a FILE'],
    [['contacts', 'import', 'c.csv', '--retry-of', 'r0'], 'one of them'],
    [
      ['contacts', 'import', 'c.csv', '--list', 'L1', '--existing', 'maybe'],
      'Allowed choices are skip, update',
    ],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--map', 'phone'], 'field=column'],
    [['contacts', 'import', 'c.csv'], 'which list?'],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--policy', 'strict'], 'with --require-consent'],
    [['contacts', 'import', '--retry-of', 'r0', '--map', 'phone=Tel'], 'of a FILE'],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--encoding', 'ebcdic'], 'Allowed choices are utf-8'],
    [['preferences', 'update'], 'name a FILE'],
    [['preferences', 'check'], 'or name a FILE'],
    [['preferences', 'check', '--contact', 'x'], 'on which channel?'],
    [['preferences', 'check', 'a.csv', '--contact', 'x'], 'one of them'],
    [['preferences', 'check', '--contact', 'x', '--channel', 'fax'], 'Allowed choices'],
    [['erase'], "required option '--contact <id>'"],
    [['resolve', 'r1'], 'say --resend or --leave'],
    [['resolve', 'r1', '--resend', '--leave'], 'cannot be used with'],
    [['records', 'r1', '--outcome', 'lost'], 'Allowed choices'],
  ])('%j is wrong usage: exit 2, and words that say so on stderr only', async (argv, words) => {
    const cli = fakeCli(session({}));
    expect(await run(argv, cli)).toBe(2);
    expect(cli.err()).toContain(words);
    expect(cli.out()).toBe('');
  });

  it('refuses two formats at once', async () => {
    const cli = fakeCli(session({}));
    expect(await run(['records', 'r1', '--json', '--format', 'csv'], cli)).toBe(2);
    expect(cli.err()).toContain('exclude each other');
  });

  it('says errors as one JSON document too, when asked for JSON', async () => {
    const cli = fakeCli(session({}));
    expect(await run(['show', 'r1', '--json'], cli)).toBe(2);
    expect(JSON.parse(cli.out())).toMatchObject({
      error: { type: 'RunNotFound', message: expect.stringContaining('r1') as string },
    });
    expect(cli.isClosed()).toBe(true);
  });
});

describe('contacts import', () => {
  const all = `contacts import c.csv --list L1 --id r7 --existing update --dedupe phone --approval --dry-run --again
    --approval-deadline 3d --on-in-doubt leave --in-doubt-deadline 2h --notify run --requested-by sam --detach`;

  it('hands every option on as the field of the input that has its name', async () => {
    const started: NonNullable<World['started']> = [];
    expect(await run(all.split(/\s+/), fakeCli(session({ started })))).toBe(0);
    expect(started).toEqual([
      {
        options: { runId: 'r7' },
        input: {
          listId: 'L1',
          source: { dataset: 'ds_1' },
          existing: 'update',
          dedupe: 'phone',
          dryRun: true,
          approval: true,
          approvalDeadline: '3d',
          onInDoubt: 'leave',
          inDoubtDeadline: '2h',
          again: true,
          notify: 'run',
          requestedBy: 'sam',
        },
      },
    ]);
  });

  it('leaves what was not said to the defaults of the contract, and names the login', async () => {
    const started: NonNullable<World['started']> = [];
    await run(['contacts', 'import', 'c.csv', '--list', 'L1', '--detach'], fakeCli(session({ started })));
    expect(started[0]?.input).toEqual({ listId: 'L1', source: { dataset: 'ds_1' }, requestedBy: 'dana' });
  });

  it('takes list and rows of an old run with --retry-of', async () => {
    const started: NonNullable<World['started']> = [];
    const cli = fakeCli(session({ started, run: finished({ target: 'L9' }) }));
    await run(['contacts', 'import', '--retry-of', 'r0', '--detach'], cli);
    expect(started[0]?.input).toMatchObject({ listId: 'L9', source: { retryOf: 'r0' } });
  });

  it('writes a retry as the old run did, unless something else is said', async () => {
    const started: NonNullable<World['started']> = [];
    const old = finished({ input: { listId: 'L9', existing: 'update', dedupe: 'both', approval: true } });
    const retry = ['contacts', 'import', '--retry-of', 'r0', '--detach'];
    await run(retry, fakeCli(session({ started, run: old })));
    await run([...retry, '--dedupe', 'phone', '--list', 'L2'], fakeCli(session({ started, run: old })));
    expect(started.map(({ input: { existing, dedupe, approval } }) => [existing, dedupe, approval])).toEqual([
      ['update', 'both', undefined],
      ['update', 'phone', undefined],
    ]);
  });

  it('names the run that it retries, in its report and in its document', async () => {
    const child = finished({ input: { listId: 'L9', source: { retryOf: 'r0' } } });
    const cli = fakeCli(session({ run: child }));
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toMatch(/retry of +r0/);
    const json = fakeCli(session({ run: child }));
    await run(['watch', 'r1', '--json'], json);
    expect(JSON.parse(json.out())).toMatchObject({ retryOf: 'r0' });
  });

  it('says what to type for what is left: the rows as a file of their format, and a retry', async () => {
    const counts: Counts = { total: 10, pending: 0, created: 7, invalid: 2, rejected: 1 };
    const source = { name: 'c.json', format: 'json', bytes: 1, sha256: 'x', columns: null };
    const cli = fakeCli(session({ run: finished({ source }), counts }));
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('records r1 --outcome rejected --format ndjson > rejected.ndjson');
    expect(cli.out()).toContain('contacts import --retry-of r1');
  });

  it('follows the run to its end, reports, and ends with its exit code', async () => {
    const cli = fakeCli(session({ run: finished() }));
    expect(await run(['contacts', 'import', 'c.csv', '--list', 'L1'], cli)).toBe(3);
    expect(cli.out()).toContain('completed after 12 s');
    expect(cli.out()).toContain('records r1 --outcome invalid --format csv > invalid.csv');
    expect(cli.isClosed()).toBe(true);
  });

  it('writes exactly one JSON document to stdout with --json, everything else to stderr', async () => {
    const cli = fakeCli(session({ run: finished() }));
    expect(await run(['contacts', 'import', 'c.csv', '--list', 'L1', '--json'], cli)).toBe(3);
    expect(JSON.parse(cli.out())).toMatchObject({
      runId: 'r1',
      state: 'completed',
      counts: COUNTS,
      status: 'started',
    });
    expect(cli.err()).toContain('completed after 12 s');
  });

  it('says of an import that was there before that nothing was started', async () => {
    const cli = fakeCli(session({ run: finished(), status: 'finished' }));
    await run(['contacts', 'import', 'c.csv', '--list', 'L1'], cli);
    expect(cli.out()).toMatch(/imported before, by run r1; nothing was started[\s\S]*--again/);
  });
});

describe('a decision', () => {
  it('carries who, why and which plan', async () => {
    const decided: Decision[] = [];
    const cli = fakeCli(session({ decided }));
    expect(await run(['approve', 'r1', '--plan', 'abc', '--reason', 'looks right'], cli)).toBe(0);
    expect(await run(['resolve', 'r1', '--leave', '--write', '17', '--by', 'sam'], cli)).toBe(0);
    expect(decided).toEqual([
      { action: 'approve', by: 'dana', reason: 'looks right', planHash: 'abc' },
      { action: 'resolve', by: 'sam', writeId: '17', verdict: 'leave' },
    ]);
  });

  it('that is refused ends with 1 and the reason', async () => {
    const cli = fakeCli(session({ refuse: new DecisionRefused('nothing waits for approval') }));
    expect(await run(['approve', 'r1'], cli)).toBe(1);
    expect(cli.err()).toContain('nothing waits for approval');
  });

  it('about a run that has ended says that it has ended, not that there is none', async () => {
    const cli = fakeCli(session({ run: finished(), refuse: new RunNotFound('r1') }));
    expect(await run(['cancel', 'r1'], cli)).toBe(1);
    expect(cli.err()).toContain('r1 has ended (completed)');
    expect(await run(['cancel', 'r2'], fakeCli(session({ refuse: new RunNotFound('r2') })))).toBe(2);
  });
});

describe('reading what happened', () => {
  it('lists runs, for people and as JSON', async () => {
    const cli = fakeCli(session({ run: finished() }));
    expect(await run(['runs'], cli)).toBe(0);
    expect(cli.out()).toMatch(/r1 +completed +10 +10/);
    const json = fakeCli(session({ run: finished() }));
    await run(['runs', '--json'], json);
    expect(JSON.parse(json.out())).toMatchObject({
      runs: [{ runId: 'r1', counts: COUNTS }],
    });
  });

  it('gives the exit code of the run to whoever watches it', async () => {
    const codes = [];
    for (const state of ['completed', 'failed', 'rejected', 'cancelled'] as const) {
      codes.push(await run(['watch', 'r1'], fakeCli(session({ run: finished({ state }) }))));
    }
    expect(codes).toEqual([3, 1, 4, 4]);
  });

  it('ends with 1 when the audit was tampered with', async () => {
    const cli = fakeCli(session({}));
    expect(await run(['audit', 'verify'], cli)).toBe(1);
    expect(cli.out()).toContain('entry 2 was changed');
    const json = fakeCli(session({}));
    expect(await run(['audit', 'verify', '--json'], json)).toBe(1);
    expect(JSON.parse(json.out())).toMatchObject({ finding: { seq: 2 } });
  });

  it('writes an audit without entries as one JSON document', async () => {
    const cli = fakeCli(session({}));
    await run(['audit', '--json'], cli);
    expect(JSON.parse(cli.out())).toEqual({ entries: [] });
  });
});
