/** Lost answers at a tenant that may accept duplicates: only an operator or the policy can have a batch sent again. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { csv, rows } from './contacts.ts';
import { endOf, runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();

/** The second batch is applied, and its answer is lost. */
const LOST = {
  env: { CXONE_DUPLICATES_REFUSED: 'false', CXFLOW_MAX_IN_FLIGHT: '1' },
  faults: [{ match: { family: 'contactlists' }, after: 1, times: 1, fault: { reset: 'after' } }],
} as const;
/** The same at a tenant that does accept duplicates, so that contacts sent again exist twice. */
const LOST_WITH_DUPLICATES = { ...LOST, simulatorArgs: ['--accept-duplicates'] } as const;

const importing = (list: string, ...more: string[]) => [
  ...['contacts', 'import', 'contacts.csv', '--list', list],
  ...more,
];

const writeFile = (stand: Stand): void => stand.file('contacts.csv', csv(rows(1, 300)));

/** Imports a file, and resends the second batch, which is in doubt. Returns the run's id. */
async function importAndResend(stand: Stand, list: string): Promise<string> {
  writeFile(stand);
  const terminal = stand.start(importing(list));
  await terminal.waitFor(/send them again \(CXone may then have them twice\)[^]*resolve \S+ --leave/);
  const runId = runIdIn(terminal.stdout());
  expect((await stand.cxflow(['resolve', runId, '--resend'])).code).toBe(0);
  expect((await endOf(terminal)).code).toBe(0);
  return runId;
}

it('a run with a write in doubt waits, and exits with 3 after `resolve --leave`', async () => {
  await onStand(LOST_WITH_DUPLICATES, async (stand) => {
    writeFile(stand);
    const terminal = stand.start(importing('L1'));
    await terminal.waitFor(/CXone never answered 1 write with 100 records[^]*resolve \S+ --leave/);
    const runId = runIdIn(terminal.stdout());
    const shown = await stand.cxflow(['show', runId]);
    expect(shown.stdout).toMatch(/writes in doubt\n.*batch 2 +100 records +sent /);
    const undecided = await stand.cxflow(['resolve', runId]);
    expect(undecided).toMatchObject({ code: 2, stdout: '' });
    expect(undecided.stderr).toContain('add --resend or --leave');

    expect((await stand.cxflow(['resolve', runId, '--leave', '--by', 'dana'])).code).toBe(0);
    const ended = await endOf(terminal);
    expect(ended.code).toBe(3);
    expect(ended.stdout).toMatch(/in doubt +100 +33\.3 %/);
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 300, pending: 0, created: 200, in_doubt: 100 });
    expect(
      await stand.admin.journal({ list: 'L1' }),
      'contacts in CXone, including the batch in doubt',
    ).toHaveLength(300);
    const records = await stand.cxflow(['records', runId, '--outcome', 'in_doubt']);
    expect(records.stdout).toMatch(/,in_doubt,answer_lost/);
  });
});

it('`resolve --resend` creates contacts twice at a tenant that accepts duplicates', async () => {
  await onStand(LOST_WITH_DUPLICATES, async (stand) => {
    const runId = await importAndResend(stand, 'L4');
    const counts = await stand.conserved(runId, { heldTwice: 100 });
    expect(counts).toEqual({ total: 300, pending: 0, created: 300 });
    const held = (await stand.admin.journal({ list: 'L4' })).map(({ contactId }) => contactId);
    expect([held.length, new Set(held).size], 'entries, contacts').toEqual([400, 300]);
  });
});

it('`resolve --resend` creates no contact twice at a tenant that refuses duplicates after all', async () => {
  await onStand(LOST, async (stand) => {
    const runId = await importAndResend(stand, 'L2');
    // The refused records count as existing, because they may have existed before or have been created by us.
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 300, pending: 0, created: 200, existing: 100 });
    expect(await stand.admin.journal({ list: 'L2' })).toHaveLength(300);
  });
});

it('--on-in-doubt leave completes without asking', async () => {
  await onStand(LOST, async (stand) => {
    writeFile(stand);
    const { code, document } = await stand.json<ContactImportResult>(
      importing('L3', '--on-in-doubt', 'leave'),
    );
    expect({ code, counts: document.counts }).toEqual({
      code: 3,
      counts: { total: 300, pending: 0, created: 200, in_doubt: 100 },
    });
    await stand.conserved(document.runId, { result: document });
  });
});
