/** Dry runs, approvals, rejections and the approval deadline. */
import { expect, it } from 'vitest';
import type { Progress } from '../../src/contract/steering.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { answered, endOf, runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();

/** 250 valid rows, which make three batches, and one invalid row. */
const FILE = csv([...rows(1, 250), rowAt(251, { phone: '12' })]);

async function expectNoRequests({ admin }: Stand): Promise<void> {
  const { requests, applied } = { ...(await admin.stats()), ...(await admin.health()) };
  expect({ requests, applied }, 'requests to CXone').toEqual({ requests: {}, applied: 0 });
}

/** Starts an import in another terminal, and resolves when it waits for approval. */
async function startWaiting(stand: Stand, list: string) {
  stand.file('contacts.csv', FILE);
  const terminal = stand.start(['contacts', 'import', 'contacts.csv', '--list', list, '--approval']);
  const [, hash = ''] = await terminal.waitFor(/approve contact-import:\S+ --plan (\w{16})/);
  const runId = runIdIn(terminal.stdout());
  await terminal.waitFor(/reject contact-import:.*\n/);
  return { terminal, hash, runId };
}

it('--dry-run stops after the plan, --approval-deadline ends the wait, and a real run may follow', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', FILE);
    const dry = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1', '--dry-run']);
    expect(dry.stdout).toMatch(/plan \w{16} for L1\n +to write +250 +in 3 batches/);
    expect(dry.stdout).toContain('planned only (dry run): nothing was written');
    expect(dry.stdout).toMatch(/phone_not_e164 +phone +1/);
    const runId = runIdIn(dry.stdout);
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 251, pending: 250, invalid: 1 });
    expect(dry.code, 'exit code of a dry run with an invalid row').toBe(3);

    const deadline = ['--approval', '--approval-deadline', '1 s'];
    const late = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1', ...deadline]);
    expect(late.code, 'exit code after the deadline, as for a rejection').toBe(4);
    await stand.conserved(runIdIn(late.stdout), { state: 'rejected' });
    await expectNoRequests(stand);

    const real = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1']);
    expect(real.stdout).not.toContain('nothing was started');
    expect(await stand.conserved(runIdIn(real.stdout))).toEqual({
      total: 251,
      pending: 0,
      created: 250,
      invalid: 1,
    });
  });
});

it('--approval shows the plan and waits, refuses the hash of another plan, and continues once approved', async () => {
  await onStand({}, async (stand) => {
    const { terminal, hash, runId } = await startWaiting(stand, 'L2');
    const shown = await stand.cxflow(['show', runId]);
    expect(shown.stdout).toMatch(/state +running, awaiting approval/);
    expect(shown.stdout).toContain(`approval or rejection of plan ${hash}`);
    expect(shown.stdout).toMatch(/to write +250/);

    const wrong = await stand.cxflow(['approve', runId, '--plan', '0123456789abcdef']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain(`the plan is ${hash}, not 0123456789abcdef`);
    expect((await answered(() => stand.client.progress(runId))).phase).toBe('awaiting_approval');
    await expectNoRequests(stand);

    const right = await stand.json<Progress>([
      'approve',
      runId,
      '--plan',
      hash,
      '--by',
      'dana',
      '--reason',
      'ok',
    ]);
    expect(right).toMatchObject({ code: 0, document: { runId } });
    const ended = await endOf(terminal);
    expect(ended.code).toBe(3);
    expect(ended.stdout).toMatch(/created +250/);
    await stand.conserved(runId);
    const audit = await stand.cxflow(['audit', '--run', runId]);
    expect(audit.stdout).toMatch(new RegExp(`approve +by dana, because ok, plan ${hash}`));

    const late = await stand.cxflow(['approve', runId]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('has ended (completed), so there is nothing to approve');
  });
});

it('reject writes nothing and exits with 4, and the same file may be imported afterwards', async () => {
  await onStand({}, async (stand) => {
    const { terminal, runId } = await startWaiting(stand, 'L3');
    const rejected = await stand.cxflow(['reject', runId, '--reason', 'the wrong file']);
    expect(rejected).toMatchObject({ code: 0, stderr: '' });
    const ended = await endOf(terminal);
    expect(ended.code).toBe(4);
    expect(ended.stdout).toMatch(/rejected after/);
    await expectNoRequests(stand);
    const counts = await stand.conserved(runId, { state: 'rejected' });
    expect(counts).toEqual({ total: 251, pending: 0, cancelled: 250, invalid: 1 });
    const records = await stand.cxflow(['records', runId, '--outcome', 'cancelled']);
    expect(records.stdout).toContain('cancelled,plan_rejected');

    const next = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L3']);
    expect(next.code).toBe(3);
    await stand.conserved(runIdIn(next.stdout));
  });
});
