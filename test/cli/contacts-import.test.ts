import { describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import type { Counts } from '../../src/domain/run.ts';
import { COUNTS, type FakeState, fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

describe('contacts import', () => {
  const all = `contacts import c.csv --list L1 --id r7 --existing update --dedupe phone --approval --dry-run --again
    --approval-deadline 3d --on-in-doubt leave --in-doubt-deadline 2h --notify run --requested-by sam --detach`;

  it('passes every option on as the input field of the same name', async () => {
    const started: NonNullable<FakeState['started']> = [];
    expect(await run(all.split(/\s+/), fakeCli(fakeSession({ started })))).toBe(0);
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

  it('passes the country of phone numbers on, and a retry keeps it', async () => {
    const started: NonNullable<FakeState['started']> = [];
    const argv = ['contacts', 'import', 'c.csv', '--list', 'L1', '--country', 'US', '--detach'];
    await run(argv, fakeCli(fakeSession({ started })));
    const earlier = finished({ input: { listId: 'L1', country: 'US' } });
    const retry = ['contacts', 'import', '--retry-of', 'r0', '--detach'];
    await run(retry, fakeCli(fakeSession({ started, run: earlier })));
    expect(started.map(({ input }) => input.country)).toEqual(['US', 'US']);
  });

  it('omits options that were not given, and passes on the login', async () => {
    const started: NonNullable<FakeState['started']> = [];
    await run(['contacts', 'import', 'c.csv', '--list', 'L1', '--detach'], fakeCli(fakeSession({ started })));
    expect(started[0]?.input).toEqual({ listId: 'L1', source: { dataset: 'ds_1' }, requestedBy: 'dana' });
  });

  it('takes the list and the rows of an earlier run with --retry-of', async () => {
    const started: NonNullable<FakeState['started']> = [];
    const cli = fakeCli(fakeSession({ started, run: finished({ target: 'L9' }) }));
    await run(['contacts', 'import', '--retry-of', 'r0', '--detach'], cli);
    expect(started[0]?.input).toMatchObject({ listId: 'L9', source: { retryOf: 'r0' } });
  });

  it('retries with the options of the earlier run, unless others are given', async () => {
    const started: NonNullable<FakeState['started']> = [];
    const earlier = finished({ input: { listId: 'L9', existing: 'update', dedupe: 'both', approval: true } });
    const retry = ['contacts', 'import', '--retry-of', 'r0', '--detach'];
    await run(retry, fakeCli(fakeSession({ started, run: earlier })));
    await run(
      [...retry, '--dedupe', 'phone', '--list', 'L2'],
      fakeCli(fakeSession({ started, run: earlier })),
    );
    expect(started.map(({ input: { existing, dedupe, approval } }) => [existing, dedupe, approval])).toEqual([
      ['update', 'both', undefined],
      ['update', 'phone', undefined],
    ]);
  });

  it('names the run that it retries, as text and as JSON', async () => {
    const child = finished({ input: { listId: 'L9', source: { retryOf: 'r0' } } });
    const cli = fakeCli(fakeSession({ run: child }));
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toMatch(/retry of +r0/);
    const json = fakeCli(fakeSession({ run: child }));
    await run(['watch', 'r1', '--json'], json);
    expect(JSON.parse(json.out())).toMatchObject({ retryOf: 'r0' });
  });

  it('suggests commands for what is left: the rows in their own format, and a retry', async () => {
    const counts: Counts = { total: 10, pending: 0, created: 7, invalid: 2, rejected: 1 };
    const source = { name: 'c.json', format: 'json', bytes: 1, sha256: 'x', columns: null };
    const cli = fakeCli(fakeSession({ run: finished({ source }), counts }));
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('records r1 --outcome rejected --format ndjson > rejected.ndjson');
    expect(cli.out()).toContain('contacts import --retry-of r1');
  });

  it('follows the run until it ends, prints the result, and exits with its code', async () => {
    const cli = fakeCli(fakeSession({ run: finished() }));
    expect(await run(['contacts', 'import', 'c.csv', '--list', 'L1'], cli)).toBe(3);
    expect(cli.out()).toContain('completed after 12 s');
    expect(cli.out()).toContain('records r1 --outcome invalid --format csv > invalid.csv');
    expect(cli.isClosed()).toBe(true);
  });

  it('prints exactly one JSON document on stdout with --json, and everything else on stderr', async () => {
    const cli = fakeCli(fakeSession({ run: finished() }));
    expect(await run(['contacts', 'import', 'c.csv', '--list', 'L1', '--json'], cli)).toBe(3);
    expect(JSON.parse(cli.out())).toMatchObject({
      runId: 'r1',
      state: 'completed',
      counts: COUNTS,
      status: 'started',
    });
    expect(cli.err()).toContain('completed after 12 s');
  });

  it('prints that nothing was started if the same import ran before', async () => {
    const cli = fakeCli(fakeSession({ run: finished(), status: 'finished' }));
    await run(['contacts', 'import', 'c.csv', '--list', 'L1'], cli);
    expect(cli.out()).toMatch(/nothing was started, because run r1[\s\S]*To import it again, add --again\./);
  });
});
