/** CXone's suppression list and our own: who is left out, and when a list is not relied on. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { startAgain } from '../ledger/harness.ts';
import { runActivity } from './harness.ts';
import { figuresOf, lead, leads, listLoadStand, phone, phones, proposedHash } from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start } = listLoadStand();

const readings = (fault: FaultRule['fault'], times: number): FaultRule[] => [
  { match: { method: 'GET', path: 'suppressions' }, probability: 1, after: 0, times, fault },
];

/** People who are in no run. */
const others = (count: number) => Array.from({ length: count }, (_, n) => ({ contactId: `other-${n}` }));

function spyOnAdd() {
  const { suppressionSnapshots } = opened().ledger;
  const add = suppressionSnapshots.add.bind(suppressionSnapshots);
  const spy = vi.spyOn(suppressionSnapshots, 'add');
  onTestFinished(() => spy.mockRestore());
  return { add, spy };
}

describe('suppression', () => {
  it('finds people however the list writes them', async () => {
    const cxone = await start();
    const entries = [
      { phoneNumber: '(415) 555-0001', country: 'US' },
      { phoneNumber: '+1 415-555-0002' },
      { phoneNumber: '14155550003', country: 'US' },
      { contactId: 'LEAD-4' },
      { phoneNumber: phone(106) },
      { emailAddress: 'Ann@Example.com' },
    ];
    await cxone.admin.seedSuppressions({ entries, replace: true });
    const rows = [
      ...leads(1, 2, 3, 4),
      lead(5, 5, { phone2: phone(106) }),
      lead(6, 6, { email: 'ann@example.com' }),
    ];
    const { run, plan } = await cxone.plan([...rows, lead(7)]);
    expect(plan).toMatchObject({ suppressed: 6, toWrite: 1 });
    expect(figuresOf(plan).suppressed).toEqual([
      { list: 'cxone', by: 'phone number', n: 4 },
      { list: 'cxone', by: 'contact id', n: 1 },
      { list: 'cxone', by: 'email address', n: 1 },
    ]);
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(7)]);
  });

  it('finds people whose address or number stands in another column', async () => {
    const cxone = await start();
    const entries = [
      { emailAddress: 'ann@example.com' },
      { phoneNumber: phone(102) },
      { contactId: 'cy@example.com' },
    ];
    await cxone.admin.seedSuppressions({ entries, replace: true });
    const rows = [
      lead(1, 1, { contact_id: 'ann@example.com' }),
      lead(2, 2, { contact_id: phone(102) }),
      lead(3, 3, { mails: 'Cy <cy@example.com>; di@example.com' }),
      lead(4, 4, { email: 'di@example.com' }),
    ];
    const { run } = await cxone.runToEnd(rows);
    expect(await cxone.uploaded()).toEqual([phone(4)]);
    expect(await cxone.outcomes(run)).toMatchObject({ 3: 'suppressed suppressed_by_cxone', 4: 'created' });
  });

  it('comes before duplicates are sought: a suppressed person claims no number', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: [{ contactId: 'ben' }], replace: true });
    const shared = { phone_number: phone(1) };
    const rows = [
      lead(1, 90, { ...shared, contact_id: 'ann' }),
      lead(2, 95, { ...shared, contact_id: 'ben' }),
    ];
    const { run } = await cxone.runToEnd(rows);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'created', 2: 'suppressed suppressed_by_cxone' });
  });

  it('finds people on our own list however their id is written, and by a number that is an id', async () => {
    const cxone = await start();
    const ids = ['A1B2C3D4-E5F6-7890-ABCD-000000000001', phone(62), 'Ann@Example.com', '{{crm-65}}'];
    const since = new Date().toISOString();
    await opened().ledger.suppressions.add(
      ids.map((contactId) => ({ contactId, channel: 'voice' as const, reason: 'test', since })),
      null,
    );
    const { run } = await cxone.plan([
      lead(61, 1, { contact_id: '{a1b2c3d4-e5f6-7890-abcd-000000000001}' }),
      lead(62),
      lead(63, 3, { mail: 'ann@example.com' }),
      lead(64),
      lead(65, 5, { contact_id: '{{crm-65}}' }),
    ]);
    expect(await cxone.outcomes(run)).toEqual({
      1: 'suppressed suppressed',
      2: 'suppressed suppressed',
      3: 'suppressed suppressed',
      4: 'pending',
      5: 'suppressed suppressed',
    });
  });

  it('obeys our own list as well', async () => {
    const cxone = await start();
    const since = new Date().toISOString();
    await opened().ledger.suppressions.add(
      [{ contactId: 'own-1', channel: 'voice', reason: 'test', since }],
      null,
    );
    const { run, plan } = await cxone.plan([lead(1, 1, { contact_id: 'OWN-1' }), lead(2)]);
    expect(figuresOf(plan).suppressed).toEqual([{ list: 'own', by: 'contact id', n: 1 }]);
    expect(await cxone.outcomes(run)).toEqual({ 1: 'suppressed suppressed', 2: 'pending' });
  });

  it('finds the addresses and numbers of our own list in any column; a bounce keeps nobody from being called', async () => {
    const cxone = await start();
    const since = new Date().toISOString();
    const about = (kind: 'email' | 'phone', value: string) =>
      ({ target: { kind, value }, channel: 'voice', reason: 'asked by phone', code: null, since }) as const;
    const { suppressions } = opened().ledger;
    await suppressions.addEntries([[about('email', 'eve@example.com'), about('phone', phone(900))]], {
      by: 'dana',
    });
    const bounced = { mailbox: 'flo@example.com', channel: 'email', reason: 'hard_bounce', since } as const;
    await suppressions.addAddresses([bounced], null);
    const { run, plan } = await cxone.plan([
      lead(901, 1, { notes: 'Eve <EVE@example.com>' }),
      lead(902, 2, { callback: phone(900).replace('+1415', '+1 (415) ') }),
      lead(903, 3, { email: 'flo@example.com' }),
    ]);
    expect(await cxone.outcomes(run)).toEqual({
      1: 'suppressed suppressed',
      2: 'suppressed suppressed',
      3: 'pending',
    });
    expect(figuresOf(plan).suppressed).toEqual([
      { list: 'own', by: 'email address', n: 1 },
      { list: 'own', by: 'phone number', n: 1 },
    ]);
  });

  it('has a reason for each list that somebody is on', async () => {
    const cxone = await start();
    const since = new Date().toISOString();
    const objection = { contactId: 'both-1', channel: 'voice', reason: 'test', since } as const;
    await opened().ledger.suppressions.add([objection], null);
    await cxone.admin.seedSuppressions({ entries: phones(1), replace: true });
    const { run, plan } = await cxone.plan([lead(1, 1, { contact_id: 'both-1' }), lead(2)]);
    expect(plan).toMatchObject({ suppressed: 1, toWrite: 1 });
    expect(figuresOf(plan).suppressed).toEqual([
      { list: 'own', by: 'contact id', n: 1 },
      { list: 'cxone', by: 'phone number', n: 1 },
    ]);
    expect(await cxone.outcomes(run)).toMatchObject({ 1: 'suppressed suppressed suppressed_by_cxone' });
  });

  it('reads a list of pages to its end', async () => {
    const cxone = await start({ suppressionsAs: 'pages', suppressionsPerPage: 2 });
    await cxone.admin.seedSuppressions({ entries: phones(1, 2, 3, 4, 5), replace: true });
    const { plan } = await cxone.plan(leads(4, 5, 6));
    expect(plan).toMatchObject({ suppressed: 2, toWrite: 1 });
    expect(figuresOf(plan).suppressions).toMatchObject({ entries: 5, unidentified: 0 });
  });

  it('reads on while the beginning of the list is stored', async () => {
    const cxone = await start();
    const entries = [{ phoneNumber: phone(1) }, ...others(5_000), { phoneNumber: phone(2) }];
    await cxone.admin.seedSuppressions({ entries, replace: true });
    const { add, spy } = spyOnAdd();
    let begin: () => void = () => undefined;
    const isReadOn = new Promise<void>((resolve) => (begin = resolve));
    spy
      .mockImplementationOnce((...some) => isReadOn.then(() => add(...some)))
      .mockImplementationOnce((...some) => (begin(), add(...some)));
    const { plan } = await cxone.plan(leads(1, 2, 3));
    expect(plan).toMatchObject({ suppressed: 2, toWrite: 1 });
    expect(figuresOf(plan).suppressions).toMatchObject({ entries: 5_002 });
  });
});

describe('a list of pages', () => {
  const lostPage = { ...readings({ status: 503 }, 2)[0], after: 1 } as FaultRule;

  it('goes on with the page that failed, and counts no entry twice', async () => {
    const cxone = await start({ suppressionsAs: 'pages', suppressionsPerPage: 2 });
    await cxone.admin.seedSuppressions({ entries: phones(1, 2, 3, 4, 5), replace: true });
    await cxone.admin.setFaults([lostPage]);
    const { plan } = await cxone.plan(leads(4, 5, 6));
    expect(plan).toMatchObject({ suppressed: 2, toWrite: 1 });
    expect(figuresOf(plan).suppressions).toMatchObject({ entries: 5, unidentified: 0 });
    const asked = (await cxone.admin.requests(100)).filter(({ path }) => path.endsWith('/suppressions'));
    expect(asked.map(({ status }) => status)).toEqual([200, 503, 503, 200, 200]);
  });
});

describe('a list that is not relied on', () => {
  it('ends the run before it plans, until a person accepts exactly this list', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({
      entries: [{ phoneNumber: '41555501', country: 'US' }, {}, ...phones(1)],
      replace: true,
    });
    const run = await cxone.open(leads(1, 2));
    const failure = await getFailure(cxone.stage(run));
    expect(failure).toMatchObject({ type: 'SuppressionsDoubtful', nonRetryable: true });
    expect(failure.message).toContain('2 entries of the suppression list identify nobody');
    const acceptSuppressions = proposedHash(failure.message);
    const accepted = await cxone.plan(leads(1, 2), { acceptSuppressions });
    expect(accepted.plan).toMatchObject({ suppressed: 1, toWrite: 1 });
    expect(figuresOf(accepted.plan).suppressions).toMatchObject({
      hash: acceptSuppressions,
      unidentified: 2,
    });
    await cxone.admin.seedSuppressions({ entries: [{}] });
    const changed = await cxone.open(leads(3), { acceptSuppressions });
    expect(await getFailure(cxone.stage(changed))).toMatchObject({ type: 'SuppressionsDoubtful' });
  });

  it('has entries that can be read in part; what can be read of them counts once it is accepted', async () => {
    const cxone = await start();
    const entries = [
      { phoneNumber: '41555501', emailAddress: 'ann@example.com' },
      { phoneNumber: '(415) 555-0002', contactId: 'lead-2' },
      { phoneNumber: [phone(3)], contactId: 'lead-3' },
    ];
    await cxone.admin.seedSuppressions({ entries, replace: true });
    const rows = [lead(1, 1, { email: 'ann@example.com' }), ...leads(2, 3, 4)];
    const { message } = await getFailure(cxone.stage(await cxone.open(rows)));
    expect(message).toContain('3 entries of the suppression list identify nobody, or have a number');
    await cxone.runToEnd(rows, { acceptSuppressions: proposedHash(message) });
    expect(await cxone.uploaded()).toEqual([phone(4)]);
  });

  it('is read again at once when the run is started again, so that a mended list is enough', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: [{}, ...phones(1)], replace: true });
    const run = await cxone.open(leads(1, 2));
    expect(await getFailure(cxone.stage(run))).toMatchObject({ type: 'SuppressionsDoubtful' });
    await cxone.admin.seedSuppressions({ entries: phones(1), replace: true });
    await cxone.stage(run);
    expect(await cxone.planOnly(run)).toMatchObject({ suppressed: 1, toWrite: 1 });
  });

  it('is the one that is accepted, although it has become old while somebody looked at it', async () => {
    const cxone = await start({}, { listLoad: { suppressionsMaxAgeMs: 0 } });
    await cxone.admin.seedSuppressions({ entries: [{}, ...phones(1)], replace: true });
    const run = await cxone.open(leads(1, 2));
    const { message } = await getFailure(cxone.stage(run));
    const { ledger } = opened();
    const input = { ...(run.input as object), acceptSuppressions: proposedHash(message) };
    await ledger.runs.close(run.run_no, 'failed', null, null);
    const reopened = await startAgain(ledger, { ...run, input });
    await cxone.stage(reopened);
    expect(await cxone.planOnly(reopened)).toMatchObject({ suppressed: 1, toWrite: 1 });
  });

  it('is empty, or has shrunk by more than half', async () => {
    const cxone = await start();
    const stageOne = async (n: number) => {
      const run = await cxone.open(leads(n));
      return getFailure(cxone.stage(run));
    };
    await cxone.admin.seedSuppressions({ replace: true });
    expect((await stageOne(1)).message).toContain('The suppression list is empty');
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13, 14, 15), replace: true });
    await cxone.plan(leads(2));
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    expect((await stageOne(3)).message).toContain('has shrunk by more than half, from 5 entries to 2');
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    await cxone.plan(leads(4));
  });

  it('ends in the middle, again and again', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(1, 2, 3), replace: true });
    await cxone.admin.setFaults(readings({ truncate: true }, 2));
    await cxone.plan(leads(1));
    await cxone.admin.setFaults(readings({ truncate: true }, 3));
    const failure = await getFailure(cxone.stage(await cxone.open(leads(2))));
    expect(failure.message).toContain('The suppression list ends in the middle');
  });

  it.each(['beginning', 'end'])('was not stored whole: the %s', async (missing) => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: others(5_001), replace: true });
    const run = await cxone.open(leads(1));
    const { add, spy } = spyOnAdd();
    if (missing === 'end') spy.mockImplementationOnce(add);
    spy.mockRejectedValueOnce(new Error('disk full'));
    await expect(cxone.stage(run)).rejects.toThrow('see the worker');
    expect(await opened().ledger.suppressionSnapshots.latest(run.run_no)).toBeNull();
  });

  it('cannot be read: an outage delays the run, and a missing scope ends it', async () => {
    const cxone = await start();
    await cxone.admin.setFaults(readings({ status: 503 }, 1));
    const run = await cxone.open(leads(1));
    await expect(cxone.stage(run)).rejects.toMatchObject({ type: 'CxoneUnavailable', nonRetryable: false });
    await cxone.admin.setFaults(readings({ status: 403 }, 1));
    await expect(cxone.stage(run)).rejects.toMatchObject({ type: 'ScopeMissing', nonRetryable: true });
    await cxone.admin.setFaults([]);
    await cxone.stage(run);
    expect(await cxone.planOnly(run)).toMatchObject({ toWrite: 1 });
  });

  it('is given up at once when the worker is shutting down', async () => {
    const cxone = await start();
    const run = await cxone.open(leads(1));
    cxone.worker.draining.abort();
    await expect(runActivity(() => cxone.worker.activities.stageRecords(run.run_id))).rejects.toMatchObject({
      type: 'WorkerDraining',
    });
  });
});
