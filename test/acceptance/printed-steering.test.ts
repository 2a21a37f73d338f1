/** Whoever steers runs copies the commands of docs/steering.md, exactly as they are printed. */
import { expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { openShell, succeeds } from '../harness/shell.ts';
import { csv, rows } from '../scenarios/contacts.ts';
import { endOf, runIdIn, type Stand, until, useStand } from '../scenarios/stand.ts';

const onStand = useStand();
const processes = useProcesses();
const PAGE = 'docs/steering.md';
/** As printed. */
const HASH = '80f61c2ce66108b4';
const WRITE = '--write 17';

const DECISIONS = {
  runs: 'cxflow runs',
  show: 'cxflow show RUN',
  approve: `cxflow approve RUN --plan ${HASH} --by dana`,
  reject: 'cxflow reject RUN --reason "wrong file"',
  pause: 'cxflow pause RUN',
  resume: 'cxflow resume RUN',
  cancel: 'cxflow cancel RUN --reason "campaign called off"',
  approveInAdvance: 'cxflow approve RUN --when-planned',
  approveThisInAdvance: `cxflow approve RUN --when-planned --plan ${HASH}`,
  signalInAdvance: `temporal workflow signal -w RUN --name approve --input '{"by":"dana","whenPlanned":true}'`,
  signalThisInAdvance: `temporal workflow signal -w RUN --name approve --input '{"by":"dana","planHash":"${HASH}","whenPlanned":true}'`,
  update: `temporal workflow update execute -w RUN --name decide --input '{"action":"pause","by":"dana"}'`,
  query: 'temporal workflow query -w RUN --type progress',
} as const;

const DOUBTS = {
  resend: 'cxflow resolve RUN --resend',
  leave: 'cxflow resolve RUN --leave',
  leaveOne: `cxflow resolve RUN --leave ${WRITE}`,
  signal: `temporal workflow signal -w RUN --name resolve --input '{"by":"dana","verdict":"leave"}'`,
} as const;

async function startImport(stand: Stand, count: number, list: string, ...more: readonly string[]) {
  stand.file('contacts.csv', csv(rows(1, count)));
  const terminal = stand.start(['contacts', 'import', 'contacts.csv', '--list', list, ...more]);
  await terminal.waitFor(/\brun contact-import:\S+\n/);
  return { terminal, run: runIdIn(terminal.stdout()) };
}

/** An import that waits for approval. */
async function startWaiting(stand: Stand, count: number, list: string) {
  const { terminal, run } = await startImport(stand, count, list, '--approval');
  const [, hash = ''] = await terminal.waitFor(/approve contact-import:\S+ --plan (\w{16})/);
  return { terminal, values: { RUN: run, [HASH]: hash } };
}

/** The hash of the plan of a dry run. */
async function planHash(stand: Stand, count: number, list: string): Promise<string> {
  const { terminal } = await startImport(stand, count, list, '--dry-run');
  const [, hash = ''] = /plan (\w{16}) for/.exec((await endOf(terminal)).stdout) ?? [];
  return hash;
}

it('the commands and signals for approvals, pauses and cancellations do what is printed beside them', async () => {
  await onStand({ latencyMs: 1_000, env: { CXFLOW_MAX_IN_FLIGHT: '1' } }, async (stand) => {
    const shell = await openShell(processes, stand, PAGE);
    const long = await startWaiting(stand, 5_000, 'L1');
    expect(await succeeds(shell, DECISIONS.runs, {})).toContain('awaiting approval');
    expect(await succeeds(shell, DECISIONS.show, long.values)).toContain('approval or rejection of plan');
    await succeeds(shell, DECISIONS.approve, long.values);
    expect(await succeeds(shell, DECISIONS.pause, long.values)).toContain('paused');
    expect(await succeeds(shell, DECISIONS.query, long.values)).toContain('"phase":"paused"');
    await succeeds(shell, DECISIONS.resume, long.values);
    await succeeds(shell, DECISIONS.update, long.values);
    expect(await succeeds(shell, DECISIONS.show, long.values)).toContain('paused');
    await succeeds(shell, DECISIONS.cancel, long.values);
    expect((await endOf(long.terminal)).code).toBe(4);

    await stand.admin.change({ latencyMs: 0 });
    const wrong = await startWaiting(stand, 50, 'L2');
    await succeeds(shell, DECISIONS.reject, wrong.values);
    expect((await endOf(wrong.terminal)).code).toBe(4);

    for (const [list, command] of [
      ['L3', DECISIONS.approveInAdvance],
      ['L4', DECISIONS.approveThisInAdvance],
      ['L5', DECISIONS.signalInAdvance],
      ['L6', DECISIONS.signalThisInAdvance],
    ] as const) {
      const hash = command.includes(HASH) ? await planHash(stand, 50, list) : '';
      const { terminal, run } = await startImport(stand, 50, list, '--approval');
      await succeeds(shell, command, { RUN: run, [HASH]: hash });
      const ended = await endOf(terminal);
      expect(ended.code, ended.stdout).toBe(0);
      expect(ended.stdout).toMatch(/created +50 /);
    }
    expect(shell.left()).toEqual(Object.values(DOUBTS));
  });
});

/** A write per 100 records; of the first four batches after one the answers are lost. */
const LOST = {
  env: { CXONE_DUPLICATES_REFUSED: 'false', CXFLOW_MAX_IN_FLIGHT: '1' },
  faults: [{ match: { family: 'contactlists' }, after: 1, times: 4, fault: { reset: 'after' } }],
} as const;

async function startDoubtful(stand: Stand, count: number, list: string) {
  const { terminal, run } = await startImport(stand, count, list);
  await terminal.waitFor(/resolve \S+ --leave/);
  return { terminal, values: { RUN: run } };
}

it('the commands and the signal for writes in doubt do what is printed beside them', async () => {
  await onStand(LOST, async (stand) => {
    const shell = await openShell(processes, stand, PAGE);
    const left = await startDoubtful(stand, 200, 'L1');
    expect(await succeeds(shell, DECISIONS.show, left.values)).toContain('writes in doubt');
    await succeeds(shell, DOUBTS.leave, left.values);
    expect((await endOf(left.terminal)).code).toBe(3);

    const signalled = await startDoubtful(stand, 100, 'L2');
    await succeeds(shell, DOUBTS.signal, signalled.values);
    expect((await endOf(signalled.terminal)).stdout).toMatch(/in doubt +100 /);

    const both = await startDoubtful(stand, 200, 'L3');
    const { ledger } = stand.client;
    const { run_no: runNo } = await ledger.runs.get(both.values.RUN);
    const listed = await ledger.writes.listInDoubt(runNo);
    await succeeds(shell, DOUBTS.leaveOne, { ...both.values, [WRITE]: `--write ${listed[0]?.id ?? ''}` });
    await until(
      () => ledger.writes.listInDoubt(runNo),
      ({ length }) => length < listed.length,
    );
    await succeeds(shell, DOUBTS.resend, both.values);
    const ended = await endOf(both.terminal);
    expect(ended.stdout).toMatch(/in doubt +100 /);
    expect(shell.left()).toEqual(Object.values(DECISIONS).filter((each) => each !== DECISIONS.show));
  });
});
