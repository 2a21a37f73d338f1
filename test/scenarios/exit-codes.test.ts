/** What scripts rely on: exit codes, and exactly one JSON document on stdout. */
import { expect, it } from 'vitest';
import { csv, rowAt, rows } from './contacts.ts';
import { runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();

const importing = (file: string, list: string): readonly string[] => [
  'contacts',
  'import',
  file,
  '--list',
  list,
];

it('exits with 1 if the run fails, and continues the same run when repeated after the cause is fixed', async () => {
  await onStand({ simulatorArgs: ['--strict-lists'] }, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 5)));
    const failed = await stand.cxflow(importing('contacts.csv', 'L1'));
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/failed after[^]*NotFound: .*L1/);
    const runId = runIdIn(failed.stdout);
    expect(await stand.conserved(runId, { state: 'failed' })).toEqual({ total: 5, pending: 5 });

    await stand.admin.seedList('L1');
    const again = await stand.cxflow(importing('contacts.csv', 'L1'));
    expect(again.code, again.stdout + again.stderr).toBe(0);
    expect(runIdIn(again.stdout)).toBe(runId);
    await stand.conserved(runId);
  });
});

it('exits with 1 if CXone refuses the scope', async () => {
  await onStand({ simulatorArgs: ['--withhold-scope', 'contactlists:write'] }, async (stand) => {
    stand.file('contacts.csv', csv(rows(1, 5)));
    const failed = await stand.cxflow(importing('contacts.csv', 'L2'));
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/ScopeMissing: .*contactlists:write/);
    await stand.conserved(runIdIn(failed.stdout), { state: 'failed' });
  });
});

it('exits with 0 on success, 2 on a usage error, 3 if records need attention, and 4 if cancelled', async () => {
  await onStand({}, async (stand) => {
    stand.file('good.csv', csv(rows(1, 5)));
    const success = await stand.cxflow(importing('good.csv', 'L0'));
    expect(success).toMatchObject({ code: 0, stderr: '' });
    await stand.conserved(runIdIn(success.stdout));

    stand.file('contacts.csv', csv([...rows(1, 4), rowAt(5, { optInStatus: 'maybe' })]));
    const [noList, noOption] = await Promise.all([
      stand.cxflow(['contacts', 'import', 'contacts.csv']),
      stand.cxflow([...importing('contacts.csv', 'L3'), '--existing', 'replace']),
    ]);
    expect([noList.code, noOption.code]).toEqual([2, 2]);
    expect(noList.stderr).toContain('--list ID');
    expect(noOption.stderr).toMatch(/'replace' is invalid.*skip, update/);

    const partial = await stand.cxflow(importing('contacts.csv', 'L3'));
    expect(partial.code).toBe(3);
    await stand.conserved(runIdIn(partial.stdout), { isListShared: true });

    const waiting = [...importing('contacts.csv', 'L4'), '--approval', '--id', 'contact-import:mine'];
    expect((await stand.cxflow([...waiting, '--detach'])).code).toBe(0);
    expect((await stand.cxflow(['cancel', 'contact-import:mine'])).code).toBe(0);
    expect((await stand.cxflow(['watch', 'contact-import:mine'])).code).toBe(4);
    await stand.conserved('contact-import:mine', { state: 'cancelled', isListShared: true });
  });
});

it('prints exactly one document on stdout with --json, whatever the command and its result', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', csv([...rows(1, 4), rowAt(5, { optInStatus: 'maybe' })]));
    const imported = await stand.json<{ runId: string }>(importing('contacts.csv', 'L5'));
    expect(imported).toMatchObject({
      code: 3,
      document: {
        state: 'completed',
        status: 'started',
        counts: { total: 5, pending: 0, created: 4, invalid: 1 },
      },
    });
    expect(imported.stderr).toContain('completed after');
    const { runId } = imported.document;
    await expectDocuments(stand, [
      [['runs', '--limit', '1'], 0, { runs: [{ runId }] }],
      [['show', runId], 0, { runId, state: 'completed', plan: { toWrite: 4 } }],
      [['watch', runId], 3, { runId, state: 'completed' }],
      [['records', runId], 0, expect.objectContaining({ length: 5 })],
      [['audit', '--run', runId], 0, { entries: [{ action: 'run_opened' }, {}, {}, {}, {}] }],
      [['audit', 'verify'], 0, { finding: null }],
      [['doctor'], 0, { ok: true }],
      [['approve', runId], 1, { error: { type: 'DecisionRefused' } }],
      [['show', 'no-such-run'], 2, { error: { type: 'RunNotFound' } }],
      [importing('nothing.csv', 'L5'), 2, { error: { type: 'SourceError' } }],
      [['contacts', 'import', 'contacts.csv', '--lists', 'L5'], 2, { error: { type: 'UsageError' } }],
      [['no-such-command'], 2, { error: { type: 'UsageError' } }],
    ]);
    await stand.conserved(runId);
  });
});

type Expectation = readonly [args: readonly string[], code: number, document: unknown];

/** Runs two commands at a time, because each needs a core. */
async function expectDocuments(stand: Stand, expectations: readonly Expectation[]): Promise<void> {
  for (let at = 0; at < expectations.length; at += 2) {
    const pair = expectations.slice(at, at + 2).map(async ([args, code, document]) => {
      const ended = await stand.json(args);
      expect({ code: ended.code, document: ended.document }, args.join(' ')).toMatchObject({
        code,
        document,
      });
    });
    await Promise.all(pair);
  }
}
