/** A plan that is only shown, one that waits for a word, and the word. */
import { expect, it } from 'vitest';
import type { Progress } from '../../src/contract/steering.ts';
import { csv, rowAt, rows } from './contacts.ts';
import { endOf, runIdIn, type Stand, useStand } from './stand.ts';

const onStand = useStand();

/** 250 to write in three batches, one invalid. */
const FILE = csv([...rows(1, 250), rowAt(251, { phone: '12' })]);

async function untouched({ admin }: Stand): Promise<void> {
  const { requests, applied } = { ...(await admin.stats()), ...(await admin.health()) };
  expect({ requests, applied }, 'CXone has heard nothing').toEqual({ requests: {}, applied: 0 });
}

/** Starts an import that waits for approval, followed in a terminal of its own. */
async function waiting(stand: Stand, list: string) {
  stand.file('contacts.csv', FILE);
  const terminal = stand.start(['contacts', 'import', 'contacts.csv', '--list', list, '--approval']);
  const [, hash = ''] = await terminal.waitFor(/approve contact-import:\S+ --plan (\w{16})/);
  const runId = runIdIn(terminal.stdout());
  await terminal.waitFor(/reject contact-import:.*\n/);
  return { terminal, hash, runId };
}

it('--dry-run stops at the plan, --approval-deadline gives up waiting, and a real run may follow', async () => {
  await onStand({}, async (stand) => {
    stand.file('contacts.csv', FILE);
    const dry = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1', '--dry-run']);
    expect(dry.stdout).toMatch(/plan \w{16} for L1\n +to write +250 +in 3 batches/);
    expect(dry.stdout).toContain('planned only (dry run): nothing was written');
    expect(dry.stdout).toMatch(/phone_not_e164 +phone +1/);
    const runId = runIdIn(dry.stdout);
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 251, pending: 250, invalid: 1 });
    expect(dry.code, 'an invalid row needs a look, also in a plan').toBe(3);

    const deadline = ['--approval', '--approval-deadline', '1 s'];
    const late = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L1', ...deadline]);
    expect(late.code, 'nobody in time counts as a rejection').toBe(4);
    await stand.conserved(runIdIn(late.stdout), { state: 'rejected' });
    await untouched(stand);

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

it('--approval waits, says for what, refuses another plan, and goes on when this one is approved', async () => {
  await onStand({}, async (stand) => {
    const { terminal, hash, runId } = await waiting(stand, 'L2');
    const shown = await stand.cxflow(['show', runId]);
    expect(shown.stdout).toMatch(/state +running, awaiting approval/);
    expect(shown.stdout).toContain(`approval or rejection of plan ${hash}`);
    expect(shown.stdout).toMatch(/to write +250/);

    const wrong = await stand.cxflow(['approve', runId, '--plan', '0123456789abcdef']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toContain(`the plan is ${hash}, not 0123456789abcdef`);
    expect((await stand.client.progress(runId)).phase).toBe('awaiting_approval');
    await untouched(stand);

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
    expect(audit.stdout).toMatch(/approve .*"by":"dana","reason":"ok"/);

    const late = await stand.cxflow(['approve', runId]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('has ended (completed), so there is nothing to approve');
  });
});

it('reject writes nothing, ends with 4, and the same file may be imported after it', async () => {
  await onStand({}, async (stand) => {
    const { terminal, runId } = await waiting(stand, 'L3');
    const rejected = await stand.cxflow(['reject', runId, '--reason', 'the wrong file']);
    expect(rejected).toMatchObject({ code: 0, stderr: '' });
    const ended = await endOf(terminal);
    expect(ended.code).toBe(4);
    expect(ended.stdout).toMatch(/rejected after/);
    await untouched(stand);
    const counts = await stand.conserved(runId, { state: 'rejected' });
    expect(counts).toEqual({ total: 251, pending: 0, cancelled: 250, invalid: 1 });
    const records = await stand.cxflow(['records', runId, '--outcome', 'cancelled']);
    expect(records.stdout).toContain('cancelled,plan_rejected');

    const next = await stand.cxflow(['contacts', 'import', 'contacts.csv', '--list', 'L3']);
    expect(next.code).toBe(3);
    await stand.conserved(runIdIn(next.stdout));
  });
});
