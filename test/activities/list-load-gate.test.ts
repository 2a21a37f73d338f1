/** What is checked again immediately before each batch. */
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import {
  CAMPAIGN,
  itemOf,
  LIST,
  lead,
  leads,
  listLoadStand,
  phone,
  phones,
  proposedHash,
} from './list-loads.ts';
import { getFailure } from './pages.ts';

const { opened, start, age } = listLoadStand();

const counts = (run: Run) => opened().ledger.runs.exactCounts(run.run_no);

describe('before each batch', () => {
  it('people who have objected to us since the plan are left out', async () => {
    const cxone = await start();
    const { run } = await cxone.plan([lead(1), lead(2, 2, { contact_id: 'objector' }), lead(3)]);
    const since = new Date().toISOString();
    await opened().ledger.suppressions.add(
      [{ contactId: 'objector', channel: 'sms', reason: 'test', since }],
      null,
    );
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(3), phone(1)]);
    expect(await cxone.outcomes(run)).toMatchObject({ 2: 'suppressed suppressed' });
  });

  it("CXone's list is read again if its age is not known, because a clock was set back", async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12), replace: true });
    const { run } = await cxone.plan(leads(1, 2));
    await cxone.admin.seedSuppressions({ entries: phones(1) });
    await age(run, -60);
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([phone(2)]);
  });

  it("CXone's list is read again once it is too old, and not before", async () => {
    const cxone = await start();
    const entries = phones(11, 12, 13);
    await cxone.admin.seedSuppressions({ entries, replace: true });
    const fresh = await cxone.plan(leads(1));
    const old = await cxone.plan(leads(2, 3));
    await cxone.admin.seedSuppressions({ entries: phones(1, 2) });
    await age(fresh.run, 14);
    await age(old.run);
    await cxone.writeAll(fresh.run);
    await cxone.writeAll(old.run);
    expect(await cxone.uploaded()).toEqual([phone(1), phone(3)]);
    expect(await cxone.outcomes(old.run)).toEqual({ 1: 'suppressed suppressed_by_cxone', 2: 'created' });
    expect((await cxone.close(old.run)).suppressions).toMatchObject({ entries: 5, unidentified: 0 });
  });

  it('a list that looks wrong by then ends the run, and nothing more is claimed', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    const { run } = await cxone.plan(leads(1, 2));
    await cxone.admin.seedSuppressions({ replace: true });
    await age(run);
    expect(await getFailure(cxone.writeAll(run))).toMatchObject({ type: 'SuppressionsDoubtful' });
    expect(await counts(run)).toMatchObject({ pending: 2 });
    const [write] = await opened().ledger.writes.listOpen(run.run_no, 1, 9);
    expect(write).toMatchObject({ state: 'planned', attempts: 0 });
  });

  it('entries that identify nobody and were accepted are not doubted again if they do not become more', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: [{}, {}, ...phones(11)], replace: true });
    const failed = await cxone.open(leads(1));
    const hash = proposedHash((await getFailure(cxone.stage(failed))).message);
    const { run } = await cxone.plan(leads(1, 2), { acceptSuppressions: hash });
    await cxone.admin.seedSuppressions({ entries: [{}, ...phones(11, 1)], replace: true });
    await age(run);
    await cxone.writeAll(run);
    expect(await counts(run)).toMatchObject({ created: 1, suppressed: 1 });
    const other = await cxone.open(leads(3), { acceptSuppressions: hash });
    expect(await getFailure(cxone.stage(other))).toMatchObject({ type: 'SuppressionsDoubtful' });
  });

  it('a list that breaks off again is doubted again, although the one before was accepted', async () => {
    const cxone = await start();
    const truncated: FaultRule = {
      ...{ match: { method: 'GET', path: 'suppressions' }, probability: 1, after: 0 },
      fault: { truncate: true },
    };
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    await cxone.admin.setFaults([truncated]);
    const { message } = await getFailure(cxone.stage(await cxone.open(leads(1))));
    const { run } = await cxone.plan(leads(1, 2), { acceptSuppressions: proposedHash(message) });
    await cxone.admin.seedSuppressions({ entries: phones(14) });
    await age(run);
    const failure = await getFailure(cxone.writeAll(run));
    expect(failure).toMatchObject({ type: 'SuppressionsDoubtful' });
    expect(failure.message).toContain('ends in the middle');
    expect(await cxone.uploaded()).toEqual([]);
  });

  it('a campaign that has filled up meanwhile ends the run with figures; it can go on once there is room', async () => {
    const cxone = await start();
    const { run } = await cxone.plan(leads(1, 2, 3));
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 2 });
    const failure = await getFailure(cxone.writeAll(run));
    expect(failure).toMatchObject({ type: 'NoCapacity', nonRetryable: true });
    expect(failure.message).toContain('campaign C1 has 2 of at most 2 items');
    expect(await counts(run)).toMatchObject({ created: 2, pending: 1 });
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 3 });
    await cxone.writeAll(run);
    expect(await counts(run)).toMatchObject({ created: 3, pending: 0 });
  });

  it('with fit the best that still fit are sent, and the others cancelled', async () => {
    const cxone = await start({}, { listLoad: { itemsPerBatch: 4 } });
    const { run } = await cxone.plan(leads(1, 2, 3, 4, 5, 6), { fit: true });
    await cxone.admin.seedCapacity(CAMPAIGN, { maxListSize: 3 });
    await cxone.writeAll(run);
    expect(await cxone.uploaded()).toEqual([6, 5, 4].map(phone));
    expect(await counts(run)).toMatchObject({ created: 3, cancelled: 3, pending: 0 });
    expect(await cxone.outcomes(run)).toMatchObject({ 3: 'cancelled no_capacity' });
  });
});

describe('an objection that becomes known after the upload', () => {
  it('is in the result, whichever list it is on', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    const rows = [lead(1), lead(2, 2, { contact_id: 'late-objector' }), lead(3), lead(4)];
    const { run } = await cxone.plan(rows);
    const first = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    await cxone.worker.writePage(first);
    await cxone.admin.seedSuppressions({ entries: phones(4) });
    await age(run);
    await cxone.writeAll(run);
    const since = new Date().toISOString();
    const objection = { contactId: 'late-objector', channel: 'voice', reason: 'test', since } as const;
    await opened().ledger.suppressions.add([objection], null);
    const result = await cxone.close(run);
    expect(result).toMatchObject({ counts: { created: 4 }, objectedSince: 2 });
    // How they are found.
    const dryRun = await cxone.plan(rows, { dryRun: true, fit: true });
    expect(await cxone.outcomes(dryRun.run)).toMatchObject({
      2: 'suppressed suppressed',
      4: 'suppressed suppressed_by_cxone',
    });
  });

  it('does not count who was in the list before the run', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    await cxone.admin.seedItems(LIST, [itemOf(2)]);
    const { run } = await cxone.plan([1, 2].map((n) => lead(n, n, { contact_id: `objector-${n}` })));
    await cxone.writeAll(run);
    const since = new Date().toISOString();
    const objections = ['objector-1', 'objector-2'].map((contactId) => ({
      contactId,
      channel: 'voice' as const,
      reason: 'test',
      since,
    }));
    await opened().ledger.suppressions.add(objections, null);
    expect(await cxone.close(run)).toMatchObject({ counts: { created: 1, existing: 1 }, objectedSince: 1 });
  });

  it('is not known if the list has become doubtful', async () => {
    const cxone = await start();
    await cxone.admin.seedSuppressions({ entries: phones(11, 12, 13), replace: true });
    const { run } = await cxone.plan(leads(1, 2, 3, 4));
    await cxone.worker.writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 });
    await cxone.admin.seedSuppressions({ entries: [], replace: true });
    await age(run);
    expect(await getFailure(cxone.writeAll(run))).toMatchObject({ type: 'SuppressionsDoubtful' });
    expect(await cxone.close(run, 'failed')).toMatchObject({ counts: { created: 2 }, objectedSince: null });
  });
});
