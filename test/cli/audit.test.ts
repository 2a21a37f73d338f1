/** `cxflow audit`, with entries as runs write them. */
import { describe, expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import type { AuditEntry } from '../../src/ledger/audit/chain.ts';
import { each } from '../harness/fake-run.ts';
import { fakeSession } from './fake-session.ts';
import { fakeCli, sink } from './fakes.ts';

const RUN = 'contact-import:L1:d4d4e340d6e756adf1fecdc8';
const entry = (seq: number, action: string, data: object, runId = RUN): AuditEntry => ({
  ...{ seq: String(seq), audit_id: `a${seq}`, run_id: runId, at: new Date(2026, 2, 1, 14, 5, seq), action },
  ...{ data, previous_hash: 'p', hash: 'h' },
});
const ENTRIES = [
  entry(1, 'run_opened', { kind: 'contactImport', target: 'L1', requestedBy: 'dana', again: false }),
  entry(2, 'planned', { list: 'L1', total: 3_000, toWrite: 2_994, options: { map: {} }, hash: '6bf53fef' }),
  entry(3, 'approve', { action: 'approve', by: 'sam', reason: 'looks right to me, and to Kim as well' }),
  entry(4, 'batch_settled', { batch: 1, counts: { created: 100 } }),
  entry(5, 'email_job_completed', { jobId: 'j1' }),
  entry(6, 'run_closed', { state: 'completed', counts: { created: 2_994, invalid: 6, pending: 0 } }),
  entry(7, 'suppressions_added', { by: 'kim\u001b[2J' }, 'suppressions'),
];

async function audit(args: readonly string[], terminal: { columns?: number } = {}) {
  const session = fakeSession({}) as Session;
  const list = () => each(ENTRIES);
  const ledger = { ...session.ledger, audit: { list } } as unknown as Session['ledger'];
  const { stream, text } = sink(terminal);
  const cli = fakeCli({ ...session, ledger }, { env: { NO_COLOR: '1' } });
  expect(await run(['audit', ...args], { ...cli, stdout: stream })).toBe(0);
  return text();
}

describe('the audit for people', () => {
  it('is a table without the entries of batches, and says how many it leaves out', async () => {
    const lines = (await audit([])).split('\n');
    expect(lines).toEqual([
      ' entry  when                 what                 details',
      RUN,
      '     1  2026-03-01 14:05:01  run opened           by dana, kind contactImport, target L1',
      '     2  2026-03-01 14:05:02  planned              plan 6bf53fef, list L1, total 3,000, to write 2,994',
      '     3  2026-03-01 14:05:03  approve              by sam, because looks right to me, and to Kim as well',
      '     6  2026-03-01 14:05:06  run closed           state completed, 2,994 created, 6 invalid',
      'suppressions',
      '     7  2026-03-01 14:05:07  suppressions added   by kim\ufffd[2J',
      '',
      '2 entries of single batches left out; --all shows them',
      '',
    ]);
  });

  it('has all entries if asked for, and always as JSON', async () => {
    expect(await audit(['--all'])).toMatch(/ 4 .*batch settled +batch 1, 100 created\n +5 .*\n +6 /);
    expect(await audit(['--all'])).not.toContain('left out');
    const { entries } = JSON.parse(await audit(['--json'])) as { entries: object[] };
    expect(entries).toHaveLength(7);
    expect(entries[3]).toMatchObject({ seq: 4, data: { batch: 1, counts: { created: 100 } } });
  });

  it('names the run only once if it is the only one', async () => {
    expect(await audit(['--run', RUN])).not.toContain(RUN);
  });

  it.each([80, 60])('has no line longer than %d columns, and loses nothing', async (columns) => {
    const text = await audit(['--all'], { columns });
    const lines = text.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(text.replaceAll(/\s+/g, ' ')).toContain('because looks right to me, and to Kim as well');
  });
});
