/** Answers that never come, at a tenant that may take a contact twice: nobody but a person, or the policy, sends again. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import { csv, rows } from './contacts.ts';
import { endOf, runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();

/** The second batch is applied, and its answer lost. */
const LOST = {
  env: { CXONE_DUPLICATES_REFUSED: 'false', CXFLOW_MAX_IN_FLIGHT: '1' },
  faults: [{ match: { family: 'contactlists' }, after: 1, times: 1, fault: { reset: 'after' } }],
} as const;
/** And this tenant does take a contact twice: what is sent again doubles. */
const DOUBLING = { ...LOST, simulatorArgs: ['--accept-duplicates'] } as const;

const importing = (list: string, ...more: string[]) => [
  ...['contacts', 'import', 'contacts.csv', '--list', list],
  ...more,
];

const writeFile = (stand: Stand): void => stand.file('contacts.csv', csv(rows(1, 300)));

/** An import whose second batch is in doubt, and a person who has it sent again. Returns its id. */
async function resent(stand: Stand, list: string): Promise<string> {
  writeFile(stand);
  const terminal = stand.start(importing(list));
  await terminal.waitFor(/send them again \(CXone may then have them twice\)[^]*resolve \S+ --leave/);
  const runId = runIdIn(terminal.stdout());
  expect((await stand.cxflow(['resolve', runId, '--resend'])).code).toBe(0);
  expect((await endOf(terminal)).code).toBe(0);
  return runId;
}

it('a run with a write in doubt asks, `resolve --leave` ends it, and its exit code is 3', async () => {
  await onStand(DOUBLING, async (stand) => {
    writeFile(stand);
    const terminal = stand.start(importing('L1'));
    await terminal.waitFor(/CXone never answered 1 write with 100 records[^]*resolve \S+ --leave/);
    const runId = runIdIn(terminal.stdout());
    const shown = await stand.cxflow(['show', runId]);
    expect(shown.stdout).toMatch(/writes in doubt\n.*batch 2 +100 records +sent /);
    const unsaid = await stand.cxflow(['resolve', runId]);
    expect(unsaid).toMatchObject({ code: 2, stdout: '' });
    expect(unsaid.stderr).toContain('add --resend or --leave');

    expect((await stand.cxflow(['resolve', runId, '--leave', '--by', 'dana'])).code).toBe(0);
    const ended = await endOf(terminal);
    expect(ended.code).toBe(3);
    expect(ended.stdout).toMatch(/in doubt +100 +33\.3 %/);
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 300, pending: 0, created: 200, in_doubt: 100 });
    expect(await stand.admin.journal({ list: 'L1' }), 'it had been applied, once').toHaveLength(300);
    const records = await stand.cxflow(['records', runId, '--outcome', 'in_doubt']);
    expect(records.stdout).toMatch(/,in_doubt,answer_lost/);
  });
});

it('`resolve --resend` sends what is in doubt once more: a tenant that takes duplicates has them twice then', async () => {
  await onStand(DOUBLING, async (stand) => {
    const runId = await resent(stand, 'L4');
    const counts = await stand.conserved(runId, { heldTwice: 100 });
    expect(counts).toEqual({ total: 300, pending: 0, created: 300 });
    const held = (await stand.admin.journal({ list: 'L4' })).map(({ contactId }) => contactId);
    expect([held.length, new Set(held).size], 'entries, contacts').toEqual([400, 300]);
  });
});

it('`resolve --resend` at a tenant that refuses duplicates after all doubles nobody', async () => {
  await onStand(LOST, async (stand) => {
    const runId = await resent(stand, 'L2');
    // This tenant refuses what it has after all: the records may have been there before, or be ours.
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 300, pending: 0, created: 200, existing: 100 });
    expect(await stand.admin.journal({ list: 'L2' })).toHaveLength(300);
  });
});

it('--on-in-doubt leave asks nobody', async () => {
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
