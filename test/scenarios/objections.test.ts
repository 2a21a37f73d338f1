/** An objection takes effect when its row is staged, however the run that read it ends, and even if it never ends. */
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { PreferenceUpdateInput } from '../../src/contract/preference-update.ts';
import type { Phase } from '../../src/domain/run.ts';
import { rowAt } from './contacts.ts';
import { type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const guid = (n: number): string => `5e1f2a3b-2222-4000-8000-${String(n).padStart(12, '0')}`;

const objection = (n: number) => ({
  contactId: guid(n),
  channel: 'sms',
  optIn: false,
  consentTimestamp: '2025-02-01T10:00:00Z',
  withdrawalTimestamp: '2025-06-01T10:00:00Z',
  regulatoryRegion: 'TCPA',
  source: 'crm-sync',
});

type End = (stand: Stand, runId: string) => Promise<unknown>;

interface Ending {
  /** Default: the run waits for an approval. */
  readonly input?: Partial<PreferenceUpdateInput>;
  readonly end: End;
}

const inPhase = ({ client }: Stand, runId: string, wanted: Phase) =>
  until(
    () => client.ledger.runs.find(runId),
    (run) => run?.phase === wanted,
  );
const ended: End = ({ client }, runId) =>
  until(
    () => client.ledger.runs.find(runId),
    (run) => run !== undefined && run.state !== 'running',
  );
const inTemporal = ({ client }: Stand, runId: string) => client.temporal.workflow.getHandle(runId);

const ENDINGS: Readonly<Record<string, Ending>> = {
  'waits for approval': { end: () => Promise.resolve() },
  'is paused': {
    async end({ client }, runId) {
      await client.decide(runId, { action: 'pause' });
      await client.decide(runId, { action: 'approve' });
    },
  },
  'is rejected': {
    async end(stand, runId) {
      await stand.client.decide(runId, { action: 'reject' });
      await ended(stand, runId);
    },
  },
  'is abandoned, so that its deadline passes': { input: { approvalDeadline: '1 s' }, end: ended },
  'is cancelled': {
    async end(stand, runId) {
      await stand.client.decide(runId, { action: 'cancel' });
      await ended(stand, runId);
    },
  },
  'is cancelled in Temporal': {
    async end(stand, runId) {
      await inTemporal(stand, runId).cancel();
      await ended(stand, runId);
    },
  },
  'is terminated in Temporal': {
    end: (stand, runId) => inTemporal(stand, runId).terminate('an operator'),
  },
};

const BROKEN_SOURCE = 'fails, because its source becomes unreadable';

/** Starts a run with one objection and ends it in the given way. */
async function startObjection(stand: Stand, n: number, { input, end }: Ending): Promise<string> {
  const { source } = await stand.client.stageRows([objection(n)]);
  const { runId } = await stand.client.startPreferenceUpdate({ source, approval: true, ...input });
  if (!input) await inPhase(stand, runId, 'awaiting_approval');
  await end(stand, runId);
  return runId;
}

/** Stages a truncated JSON array, so that the run fails after it has staged the objection. */
async function objectInBrokenSource(stand: Stand, n: number): Promise<string> {
  const text = JSON.stringify([objection(n), objection(n)]).slice(0, -5);
  const chunks = (async function* () {
    yield await Promise.resolve(Buffer.from(text));
  })();
  const { id } = await stand.client.ledger.datasets.stage('objections.json', 'json', chunks);
  const { runId } = await stand.client.startPreferenceUpdate({ source: { dataset: id } });
  await ended(stand, runId);
  expect((await stand.client.ledger.runs.get(runId)).state).toBe('failed');
  return runId;
}

it('an objection keeps a contact off a list although the run that staged it never sent it', async () => {
  await onStand({}, async (stand) => {
    const endings = Object.entries(ENDINGS);
    const runIds = await Promise.all(endings.map(([, ending], n) => startObjection(stand, n, ending)));
    runIds.push(await objectInBrokenSource(stand, endings.length));
    const names = [...endings.map(([name]) => name), BROKEN_SOURCE];
    // The last contact has not objected.
    const people = [...names, 'nobody'].map((_, n) => rowAt(n, { contactId: guid(n) }));
    const { source } = await stand.client.stageRows(people);
    const { runId } = await stand.client.startContactImport({ listId: 'L-objections', source });
    const result = await stand.client.result<ContactImportResult>(runId);
    const run = await stand.client.ledger.runs.get(runId);
    const outcomes: Record<string, string> = {};
    for await (const { seq, outcome } of stand.client.ledger.records.list(run.run_no))
      outcomes[names[seq - 1] ?? 'nobody'] = outcome;
    const suppressed = Object.fromEntries(names.map((name) => [name, 'suppressed']));
    expect(outcomes).toEqual({ ...suppressed, nobody: 'created' });
    expect(await stand.admin.preferenceJournal(), 'preferences that CXone has').toEqual([]);
    await stand.conserved(runId, { result });
    for (const id of runIds)
      await stand.conserved(id, { state: (await stand.client.ledger.runs.get(id)).state });
    // Otherwise the worker of the next test would continue the runs that are paused or waiting.
    await Promise.all(
      runIds.map((id) =>
        inTemporal(stand, id)
          .terminate()
          .catch(() => undefined),
      ),
    );
  });
});
