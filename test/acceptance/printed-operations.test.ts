/** Whoever tries an operation copies the commands of its page, exactly as they are printed, in that order. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { printedBlocks } from '../harness/printed.ts';
import { useProcesses } from '../harness/processes.ts';
import { openShell, type PrintedShell, succeeds } from '../harness/shell.ts';
import { csv } from '../scenarios/contacts.ts';
import { FAST_JOB, guid } from '../scenarios/emails.ts';
import { leads } from '../scenarios/leads.ts';
import { endOf, type Stand, useStand } from '../scenarios/stand.ts';

const onStand = useStand();
const processes = useProcesses();

/** Starts a run that waits for approval, approves it as it says, and follows it to its end. */
async function approved(stand: Stand, shell: PrintedShell, command: string) {
  const terminal = shell.start(command);
  const [, run = '', hash = ''] = await terminal.waitFor(/approve (\S+) --plan (\w{16})/);
  expect((await stand.cxflow(['approve', run, '--plan', hash])).code).toBe(0);
  const { code, stdout } = await endOf(terminal);
  expect(code, stdout).toBe(0);
  return { run, stdout };
}

const NOTHING_TWICE = 'nothing was started';

it('the commands for selections show, change and roll back what the page says, and settle conflicts', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const { admin, folder, file } = stand;
    const shell = await openShell(processes, stand, 'docs/selection-update.md');
    await admin.seedCampaign('C1', { contactSelection: { targetListIds: ['L1'], priorityOrder: ['a'] } });
    const selection = async () => (await admin.campaign('C1')).campaign?.contactSelection;
    const show = async () => {
      await succeeds(shell, 'cxflow selection show C1 --json > c1.json');
      const text = readFileSync(join(folder, 'c1.json'), 'utf8');
      return JSON.parse(text) as { contactSelection: Record<'targetListIds' | 'priorityOrder', string[]> };
    };
    const edit = async (targets: readonly string[], priorities: readonly string[]) => {
      const { contactSelection, ...shown } = await show();
      const edited = { ...contactSelection, targetListIds: targets, priorityOrder: priorities };
      file('c1.json', JSON.stringify({ ...shown, contactSelection: edited }));
    };
    await edit(['L1', 'L2'], ['a']);
    expect(await succeeds(shell, 'cxflow selection update C1 c1.json --dry-run')).toContain(
      '+ list L2: target',
    );
    const { run } = await approved(stand, shell, 'cxflow selection update C1 c1.json --approval');
    expect(await selection()).toMatchObject({ targetListIds: ['L1', 'L2'] });
    expect(await succeeds(shell, 'cxflow selection history C1')).toContain(run);
    await succeeds(shell, 'cxflow selection rollback RUN', { RUN: run });
    expect(await selection()).toMatchObject({ targetListIds: ['L1'] });

    const conflict = async (priority: string) => {
      const { contactSelection } = await show();
      await edit(['L1', 'L7'], [...contactSelection.priorityOrder, priority]);
      const others = { exclusionListIds: ['L7'], priorityOrder: [`${priority}-of-others`] };
      await admin.editCampaign('C1', { when: 'after-get', add: others });
      const failed = await stand.cxflow([
        'selection',
        'update',
        'C1',
        'c1.json',
        '--id',
        `update-${priority}`,
      ]);
      expect(failed.code, failed.stdout).toBe(1);
      const terminal = shell.start('cxflow selection update C1 c1.json --id RUN --on-conflict ask', {
        RUN: `update-${priority}`,
      });
      await terminal.waitFor(/the run waits for your decision/);
      return { terminal, RUN: `update-${priority}` };
    };
    const answers = `cxflow resolve RUN --answers '{"lists/L7": "mine", "priorityOrder": "theirs"}'`;
    const placeByPlace = await conflict('b');
    await succeeds(shell, answers, { RUN: placeByPlace.RUN });
    expect((await endOf(placeByPlace.terminal)).code).toBe(0);
    expect(await selection()).toMatchObject({
      targetListIds: ['L1', 'L7'],
      priorityOrder: ['a', 'b-of-others'],
    });
    const { version } = await admin.seedCampaign('C1', { contactSelection: { targetListIds: ['L1'] } });
    expect(version).toBeGreaterThan(0);
    const all = await conflict('c');
    await succeeds(shell, 'cxflow resolve RUN --mine', { RUN: all.RUN });
    expect((await endOf(all.terminal)).code).toBe(0);
    expect(await selection()).toMatchObject({ targetListIds: ['L1', 'L7'] });
    expect(shell.left()).toEqual([]);
  });
});

it('the commands for list loads check, load the best that fit, and load nothing twice', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const shell = await openShell(processes, stand, 'docs/list-load.md');
    const created = async () =>
      (await stand.admin.itemJournal('L1')).filter(({ action }) => action === 'create').length;
    stand.file('leads.csv', csv(leads(1, 20)));
    const load = 'cxflow list load leads.csv --list L1 --campaign C1';
    expect(await succeeds(shell, `${load} --dry-run`)).toContain('nothing was written');
    const { run } = await approved(stand, shell, `${load} --fit --approval`);
    expect(await created()).toBe(20);
    // Without --fit it is another run, which finds everybody in the list.
    expect(await succeeds(shell, load)).toMatch(/existing +20 /);
    expect(await succeeds(shell, 'cxflow list show L1')).toContain(run);

    const screened = await succeeds(shell, `${load} --fit --dry-run`);
    const [, dryRun = ''] = /^run (\S+)$/m.exec(screened) ?? [];
    const records = 'cxflow records DRY_RUN --outcome suppressed';
    expect(await succeeds(shell, records, { DRY_RUN: dryRun })).toMatch(/^contact_id,[^\n]*\n$/);
    expect(await created()).toBe(20);
    expect(shell.left()).toEqual([]);
  });
});

it('the commands for preferences check and send the file of the page, and send nothing twice', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const page = 'docs/preference-update.md';
    const shell = await openShell(processes, stand, page);
    const [file = ''] = printedBlocks(page, 'csv');
    stand.file('consent.csv', file);
    const update = 'cxflow preferences update consent.csv';
    expect(await succeeds(shell, `${update} --dry-run`)).toContain('nothing was written');
    const { stdout } = await approved(stand, shell, `${update} --approval`);
    expect(stdout).toMatch(/updated +2 /);
    expect(await succeeds(shell, update)).toContain(NOTHING_TWICE);
    expect(shell.left()).toEqual([]);
  });
});

it('the commands for emails check, send the message of the page once, and show what a recipient was sent', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const page = 'docs/email-send.md';
    const shell = await openShell(processes, stand, page);
    await stand.admin.setEmailPlan({ jobs: [FAST_JOB] });
    const permission = {
      ...{ contactId: guid(1), channel: 'email', optIn: true, consentTimestamp: '2025-01-01T00:00:00.000Z' },
      ...{ withdrawalTimestamp: null, regulatoryRegion: 'TCPA', source: 'crm' },
      ...{ idempotencyKey: guid(901), updatedAt: '2025-01-01T00:00:00.000Z' },
    } as const;
    await stand.admin.seedPreferences([permission]);
    const [message = ''] = printedBlocks(page, 'json');
    stand.file('message.json', message);
    stand.file('people.csv', `contactId,email,firstName,plan\n${guid(1)},ann@example.com,Ann,gold\n`);
    const send = 'cxflow email send message.json --recipients people.csv';
    expect(await succeeds(shell, `${send} --dry-run`)).toContain('plan');
    const { run, stdout } = await approved(stand, shell, `${send} --approval --canary 5%`);
    expect(stdout).toMatch(/sent +1 /);
    expect(await succeeds(shell, send)).toContain(NOTHING_TWICE);
    const receipt = await succeeds(shell, 'cxflow email receipt RUN ann@example.com', { RUN: run });
    expect(receipt).toMatch(/outcome +sent\n/);
    expect(shell.left()).toEqual([]);
  });
});
