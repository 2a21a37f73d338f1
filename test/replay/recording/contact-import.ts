/** Scenarios of the contact import. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContactImportInput } from '../../../src/contract/contact-import.ts';
import { LIST, type Stand, until, untilApplied, untilPhase } from '../../faults/stand.ts';
import { apiShape, csv, rowAt, rows } from '../../scenarios/contacts.ts';
import { cancelInTemporal, end, type Scenario, signal, steerThrough } from './scenario.ts';

const POSTS = { method: 'POST', family: 'contactlists' } as const;

async function start(stand: Stand, input: Partial<ContactImportInput> = {}): Promise<string> {
  const path = join(stand.folder, 'contacts.csv');
  writeFileSync(path, csv([...rows(1, 250), rowAt(251, { phone: '123' }), rowAt(5)]));
  await stand.admin.seedList(LIST, [apiShape(rowAt(10))]);
  const { source } = await stand.client().stageFile(path);
  return (await stand.client().startContactImport({ listId: LIST, source, ...input })).runId;
}

async function startAndWrite(stand: Stand): Promise<string> {
  const runId = await stand.startImport(20_000);
  await untilApplied(stand, 1);
  return runId;
}

async function inDoubt(stand: Stand, runId: string) {
  const { ledger } = stand.client();
  const { run_no: runNo, phase } = await ledger.runs.get(runId);
  const { pending } = await ledger.runs.exactCounts(runNo);
  return { phase, pending, writes: await ledger.writes.listInDoubt(runNo) };
}

/** Resolves when the first write in doubt was resent and settled, and the run waits for a decision about the other. */
async function untilOnlyOthersAreInDoubt(stand: Stand, runId: string, id = ''): Promise<void> {
  await until(
    () => inDoubt(stand, runId),
    ({ phase, pending, writes }) =>
      phase === 'in_doubt' && pending === 0 && writes.every((write) => write.id !== id),
  );
}

export const CONTACT_IMPORTS: readonly Scenario[] = [
  {
    name: 'contact-import-completed',
    run: async (stand) => end(stand, await start(stand, { existing: 'update' })),
  },
  {
    name: 'contact-import-dry-run',
    run: async (stand) => end(stand, await start(stand, { dryRun: true })),
  },
  {
    name: 'contact-import-steered',
    run: async (stand) => steerThrough(stand, await start(stand, { approval: true })),
  },
  {
    name: 'contact-import-approved-in-advance',
    run: async (stand) => {
      const runId = await start(stand, { approval: true });
      const decision = { action: 'approve', by: 'dana', whenPlanned: true } as const;
      const { keptApproval } = await stand.client().decide(runId, decision);
      if (!keptApproval) throw new Error('the run was planned before it was approved; record it once more');
      return end(stand, runId);
    },
  },
  {
    name: 'contact-import-rejected',
    run: async (stand) => {
      const runId = await start(stand, { approval: true, approvalDeadline: '3 days' });
      await untilPhase(stand, runId, 'awaiting_approval');
      await signal(stand, runId, 'reject');
      return end(stand, runId);
    },
  },
  {
    name: 'contact-import-cancelled',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await signal(stand, runId, 'cancel');
      return end(stand, runId);
    },
  },
  {
    name: 'contact-import-cancelled-in-temporal',
    latencyMs: 200,
    run: async (stand) => {
      const runId = await startAndWrite(stand);
      await cancelInTemporal(stand, runId);
      return end(stand, runId);
    },
  },
  {
    name: 'contact-import-in-doubt',
    duplicatesAccepted: true,
    faults: [{ match: POSTS, times: 2, fault: { reset: 'after' } }],
    run: async (stand) => {
      const runId = await start(stand);
      await untilPhase(stand, runId, 'in_doubt');
      const [first] = (await inDoubt(stand, runId)).writes;
      await signal(stand, runId, 'resolve', { verdict: 'resend', writeId: first?.id });
      await untilOnlyOthersAreInDoubt(stand, runId, first?.id);
      await signal(stand, runId, 'resolve', { verdict: 'leave' });
      return end(stand, runId);
    },
  },
  {
    name: 'contact-import-failed',
    faults: [{ match: POSTS, after: 1, fault: { status: 403 } }],
    run: async (stand) => end(stand, await start(stand)),
  },
  {
    name: 'contact-import-continued-as-new',
    continuesAsNew: true,
    latencyMs: 100,
    run: async (stand) => {
      const runId = await stand.startImport(150_000);
      await untilApplied(stand, 1);
      await signal(stand, runId, 'pause');
      await signal(stand, runId, 'resume');
      await stand.admin.change({ latencyMs: 0 });
      return end(stand, runId);
    },
  },
];
