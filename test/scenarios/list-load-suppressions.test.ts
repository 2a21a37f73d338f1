/** Who must not be called is not loaded: CXone's suppression list in all its states, our own, and objections that come late. */
import { expect, it } from 'vitest';
import type { TestProcess } from '../harness/processes.ts';
import { csv } from './contacts.ts';
import { leadAt, leads, load, phoneOf } from './leads.ts';
import { endOf, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const GENERATED = { count: 2_000, seed: 3 };

it('leaves out everyone on the list, however the list writes them, in one answer or in pages', async () => {
  const simulatorArgs = ['--suppressions-per-page', '100'];
  await onStand({ ownLedger: true, simulatorArgs }, async (stand) => {
    const entries = [
      { phoneNumber: phoneOf(1) },
      { phoneNumber: '(415) 555-0002', country: 'US' },
      { phoneNumber: '+1 415-555-0003' },
      { emailAddress: 'LEAD-4@example.com' },
      { contactId: 'lead-5' },
      { phoneNumber: phoneOf(106) },
    ];
    await stand.admin.seedSuppressions({ replace: true, entries, generated: GENERATED });
    const rows = leads(1, 8).map((row, i) => ({ ...row, phone2: i === 5 ? phoneOf(106) : '' }));
    for (const suppressionsAs of ['array', 'pages'] as const) {
      await stand.admin.change({ suppressionsAs });
      const { code, document } = await load(stand, `S-${suppressionsAs}`, rows);
      expect(document.counts).toEqual({ total: 8, pending: 0, created: 2, suppressed: 6 });
      expect(document.suppressions).toMatchObject({ entries: 2_006, unidentified: 0 });
      expect(code).toBe(0);
      await stand.conserved(document.runId, { result: document });
    }
  });
});

it('a suppressed record claims no key: somebody else of the household is loaded', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    await stand.admin.seedSuppressions({ entries: [{ contactId: 'lead-2' }] });
    const rows = [leadAt(1), leadAt(2, { phone_number: phoneOf(1), engagement_rating: 'HIGH' })];
    const { document } = await load(stand, 'H1', rows);
    expect(document.counts).toEqual({ total: 2, pending: 0, created: 1, suppressed: 1 });
    await stand.conserved(document.runId, { result: document });
  });
});

type Doubt = readonly [name: string, prepare: (stand: Stand) => Promise<unknown>, message: RegExp];

const DOUBTS: readonly Doubt[] = [
  ['it is empty', ({ admin }) => admin.seedSuppressions({ replace: true }), /list is empty/],
  [
    'it has entries that identify nobody',
    ({ admin }) => admin.seedSuppressions({ entries: [{ phoneNumber: '41555501' }, {}] }),
    /2 entries of the suppression list identify nobody/,
  ],
  [
    'it breaks off',
    ({ admin }) =>
      admin.setFaults([{ match: { path: '^/api/v2/compliance/suppressions$' }, fault: { truncate: 'cut' } }]),
    /ends in the middle/,
  ],
];

it.each(DOUBTS)('a list is not relied on until a person accepts it: %s', async (_, prepare, message) => {
  await onStand({ ownLedger: true }, async (stand) => {
    await prepare(stand);
    const refused = await load(stand, 'D1', leads(1, 5), '--id', 'doubtful');
    expect(refused.code).toBe(1);
    expect(refused.document.failure).toMatchObject({ type: 'SuppressionsDoubtful' });
    expect(refused.document.failure?.message).toMatch(message);
    await stand.conserved('doubtful', { state: 'failed' });
    expect(await stand.admin.itemJournal('D1')).toEqual([]);

    const [, hash = ''] =
      /--accept-suppressions (\S+?)\)/.exec(refused.document.failure?.message ?? '') ?? [];
    const wrong = await load(
      stand,
      'D1',
      leads(1, 5),
      '--id',
      'doubtful',
      '--accept-suppressions',
      'x'.repeat(8),
    );
    expect(wrong.document.failure).toMatchObject({ type: 'SuppressionsDoubtful' });
    const accepted = await load(stand, 'D1', leads(1, 5), '--id', 'doubtful', '--accept-suppressions', hash);
    expect(accepted.document).toMatchObject({ failure: null, counts: { total: 5, created: 5 } });
    await stand.conserved('doubtful', { result: accepted.document });
  });
});

it('a list that has shrunk by more than half is not relied on', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    await stand.admin.seedSuppressions({ generated: GENERATED });
    const before = await load(stand, 'D2', leads(1, 3));
    await stand.conserved(before.document.runId, { result: before.document });
    await stand.admin.seedSuppressions({ generated: { count: 900, seed: 3 } });
    const refused = await load(stand, 'D2', leads(4, 6));
    expect(refused.document.failure?.message).toMatch(/shrunk by more than half, from 2,011 entries to 911/);
    await stand.conserved(refused.document.runId, { state: 'failed', isListShared: true });
  });
});

async function startWaiting(stand: Stand, listId: string, n: number) {
  stand.file('leads.csv', csv(leads(1, n)));
  const runId = `load-${listId}`;
  const args = ['list', 'load', 'leads.csv', '--list', listId, '--campaign', 'C1', '--id', runId];
  const terminal = stand.start([...args, '--approval']);
  await until(
    () => stand.client.ledger.runs.find(runId),
    (run) => run?.phase === 'awaiting_approval',
  );
  return { runId, terminal };
}

/** The approval of the plan that was shown is void; the new plan says so, and is approved. */
async function approveTwice(stand: Stand, runId: string, terminal: TestProcess): Promise<void> {
  const find = () => stand.client.ledger.runs.find(runId);
  const first = (await find())?.plan_hash ?? '';
  await stand.cxflow(['approve', runId, '--plan', first]);
  const next = await until(find, (run) => run?.phase === 'awaiting_approval' && run.plan_hash !== first);
  await terminal.waitFor(
    new RegExp(`the approval of plan ${first} is void: 1 more record of the run must not be sent by now`),
  );
  expect(await stand.client.ledger.writes.listOpen(next?.run_no ?? 0, 1, 1)).toMatchObject([{ attempts: 0 }]);
  const refused = await stand.cxflow(['approve', runId, '--plan', first]);
  expect(refused.code).not.toBe(0);
  await stand.cxflow(['approve', runId, '--plan', next?.plan_hash ?? '']);
}

it('an objection that arrives while the plan waits for approval is respected, and makes the approval void', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const { runId, terminal } = await startWaiting(stand, 'O1', 10);
    await stand.admin.seedSuppressions({ entries: [{ phoneNumber: phoneOf(4) }] });
    await approveTwice(stand, runId, terminal);
    await endOf(terminal);
    const counts = await stand.conserved(runId);
    expect(counts).toEqual({ total: 10, pending: 0, created: 9, suppressed: 1 });
  });
});

it('a list that becomes doubtful while the plan waits ends the run before it sends anything', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const { runId, terminal } = await startWaiting(stand, 'O3', 10);
    await stand.admin.seedSuppressions({ replace: true, entries: [{ phoneNumber: phoneOf(99) }] });
    await stand.cxflow(['approve', runId]);
    expect(await endOf(terminal)).toMatchObject({ code: 1 });
    await stand.conserved(runId, { state: 'failed' });
    expect(await stand.admin.itemJournal('O3')).toEqual([]);
  });
});

it('--suppress adds a file, in whatever spelling; a row of it that identifies nobody stops the run', async () => {
  await onStand({ ownLedger: true }, async (stand) => {
    const file = [
      { phone: '(415) 555-0001', country: 'US', email: '', contactId: '' },
      { phone: '', country: '', email: 'Lead-2@Example.COM', contactId: '' },
      { phone: '', country: '', email: '', contactId: 'LEAD-3' },
    ];
    stand.file('dnc.csv', csv(file));
    const { document } = await load(stand, 'X1', leads(1, 5), '--suppress', 'dnc.csv');
    expect(document.counts).toEqual({ total: 5, pending: 0, created: 2, suppressed: 3 });
    await stand.conserved(document.runId, { result: document });

    stand.file(
      'doubtful.csv',
      csv([...file, { phone: '41555501', country: 'US', email: '', contactId: '' }]),
    );
    const refused = await load(stand, 'X2', leads(1, 5), '--suppress', 'doubtful.csv');
    expect(refused).toMatchObject({ code: 1, document: { failure: { type: 'SuppressionsDoubtful' } } });
    expect(refused.document.failure?.message).toContain('1 entry of the suppression list identifies nobody');
    await stand.conserved(refused.document.runId, { state: 'failed' });
    expect(await stand.admin.itemJournal('X2')).toEqual([]);
  });
});

it('so is one on our own list, before the run and while it waits', async () => {
  const object = (stand: Stand, contact: string) => {
    stand.file('objections.json', JSON.stringify([objectionOf(contact)]));
    return stand.cxflow(['preferences', 'update', 'objections.json', '--again']);
  };
  await onStand({ ownLedger: true }, async (stand) => {
    await object(stand, guid(1));
    stand.file('leads.csv', csv([1, 2, 3].map((n) => leadAt(n, { contact_id: guid(n) }))));
    const args = ['list', 'load', 'leads.csv', '--list', 'O2', '--campaign', 'C1', '--id', 'load-o2'];
    const terminal = stand.start([...args, '--approval']);
    await until(
      () => stand.client.ledger.runs.find('load-o2'),
      (run) => run?.phase === 'awaiting_approval',
    );
    await object(stand, guid(2));
    await approveTwice(stand, 'load-o2', terminal);
    await endOf(terminal);
    const counts = await stand.conserved('load-o2');
    expect(counts).toEqual({ total: 3, pending: 0, created: 1, suppressed: 2 });
  });
});

const guid = (n: number): string => `5e1f2a3b-3333-4000-8000-${String(n).padStart(12, '0')}`;

const objectionOf = (contactId: string) => ({
  contactId,
  channel: 'voice',
  optIn: false,
  consentTimestamp: '2025-02-01T10:00:00Z',
  withdrawalTimestamp: '2025-06-01T10:00:00Z',
  regulatoryRegion: 'TCPA',
  source: 'crm-sync',
});
