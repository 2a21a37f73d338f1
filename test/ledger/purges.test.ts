/** What a purge deletes and keeps, and that it can be interrupted anywhere. */
import { Readable } from 'node:stream';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { lockRun } from '../../src/ledger/locks.ts';
import type { PurgeCounts } from '../../src/ledger/retention/purges.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { listReaders } from '../../src/ledger/runs/sources.sql.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import {
  claimed,
  group,
  ledgerOfFile,
  newContact,
  openRun,
  plannedRun,
  record,
  settlement,
  someId,
  untilWaiting,
  writesOf,
} from './harness.ts';

const opened = ledgerOfFile();
const DAY_MS = 86_400_000;
const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
const scope = { before: ago(30), withUndelivered: false };

function purge(more: { withUndelivered?: boolean; onProgress?: (soFar: PurgeCounts) => void } = {}) {
  return opened().ledger.purges.purge({ ...scope, purgeId: someId('purge'), requestedBy: 'dana', ...more });
}

/** A run that wrote two records of the contact and ended this many days ago. */
async function endedRun(
  contactId: string,
  days = 31,
  state: 'completed' | 'failed' = 'completed',
): Promise<Run> {
  const { ledger, database } = opened();
  const run = await openRun(ledger, { input: { source: { dataset: 'none' } } });
  await ledger.records.stage(
    run.run_no,
    [1, 2].map((seq) => record(seq, { fields: { contactId }, record: { contactId }, key1: contactId })),
  );
  await ledger.records.finishStaging(run.run_no);
  await ledger.runs.reserveBusinessKey(run.run_no, run.run_id);
  await ledger.writes.plan(run.run_no, 'create', 2);
  const [write] = await writesOf(ledger, run);
  const { fence } = await claimed(ledger, run, write?.id ?? '');
  await ledger.writes.settle({
    ...settlement(write?.id ?? '', fence, [group('created', [1, 2])]),
    messages: [{ text: 'list is nearly full', n: 1 }],
  });
  await sql`update outbox set delivered_at = now(), body = 'b' where run_no = ${run.run_no}`.execute(
    database.db,
  );
  await ledger.runs.close(run.run_no, state, { counts: { total: 2, pending: 0, created: 2 } }, null);
  await sql`update runs set finished_at = ${ago(days)} where run_no = ${run.run_no}`.execute(database.db);
  return ledger.runs.get(run.run_id);
}

async function rowsOf({ run_no: runNo }: Run): Promise<number> {
  const { rows } = await sql<{ n: number }>`select ((select count(*) from records where run_no = ${runNo})
    + (select count(*) from outcomes where run_no = ${runNo}) + (select count(*) from writes where run_no = ${runNo})
    + (select count(*) from outbox where run_no = ${runNo})
    + (select count(*) from record_blocks where run_no = ${runNo})
    + (select count(*) from cxone_messages where run_no = ${runNo}))::int as n`.execute(opened().database.db);
  return rows[0]?.n ?? 0;
}

describe('a purge', () => {
  it('deletes rows, outcomes, writes and events of old runs, and keeps younger ones', async () => {
    const [anna, ben] = [newContact(), newContact()];
    const [old, young] = [await endedRun(anna, 31), await endedRun(ben, 29)];
    const shown = await opened().ledger.purges.preview(scope);
    expect(shown).toMatchObject({ runs: 1, records: 2, events: 1, kept: [] });
    expect(await purge()).toEqual(shown);
    expect([await rowsOf(old), (await rowsOf(young)) > 0]).toEqual([0, true]);
    const contents = await readLedgerContents(opened().url);
    expect([contents.includes(anna), contents.includes(ben)]).toEqual([false, true]);
  });

  it('keeps the run with its counts, and its key, so that the same content is not written twice', async () => {
    const run = await endedRun(newContact());
    await purge();
    const { ledger } = opened();
    const kept = await ledger.runs.get(run.run_id);
    expect(kept.purged_at).not.toBeNull();
    expect(await ledger.runs.counts(run.run_no)).toEqual({ total: 2, pending: 0, created: 2 });
    const again = await openRun(ledger);
    expect(await ledger.runs.reserveBusinessKey(again.run_no, run.run_id)).toEqual({
      kind: 'taken',
      by: run.run_id,
      isRunning: false,
    });
    expect(await ledger.retries.findObstacle(kept)).toMatch(/was purged on .* import their file again/);
  });

  it('ends a failed run for good', async () => {
    const run = await endedRun(newContact(), 31, 'failed');
    await purge();
    const { runs } = opened().ledger;
    const asked = { runId: run.run_id, kind: run.kind, target: run.target, again: false, dryRun: false };
    const start = { ...asked, requestedBy: null, input: run.input };
    expect(await runs.open(start)).toMatchObject({ kind: 'ended' });
    await runs.reopen(start);
    await expect(runs.reserveBusinessKey(run.run_no, run.run_id)).rejects.toThrow('has ended');
    expect((await runs.get(run.run_id)).state).toBe('failed');
  });

  it('leaves a failed run alone that is being started again, although it is still failed', async () => {
    const run = await endedRun(newContact(), 31, 'failed');
    const { runs } = opened().ledger;
    const asked = { runId: run.run_id, kind: run.kind, target: run.target, again: false, dryRun: false };
    await runs.reopen({ ...asked, requestedBy: null, input: run.input, attempt: Date.now() });
    expect((await runs.get(run.run_id)).state).toBe('failed');
    expect(await purge()).toMatchObject({ runs: 0, records: 0 });
    expect(await runs.reserveBusinessKey(run.run_no, run.run_id)).toEqual({ kind: 'reserved' });
    expect(await rowsOf(run)).toBeGreaterThan(0);
    await runs.close(run.run_no, 'cancelled', null, null);
  });

  it('keeps what protects people: suppressions, the proof of consent, and the audit', async () => {
    const { ledger } = opened();
    const contactId = newContact();
    const objection = { contactId, channel: 'email', reason: 'x', since: ago(400).toISOString() } as const;
    await ledger.suppressions.add([objection], null);
    const run = await endedRun(contactId, 400);
    await sql`update audit_pending set at = ${ago(400)}`.execute(opened().database.db);
    await purge();
    expect(await ledger.suppressions.find([contactId], ['email'])).toHaveLength(1);
    await ledger.audit.seal();
    const actions = [];
    for await (const { action } of ledger.audit.list(run.run_id)) actions.push(action);
    expect(actions).toEqual(expect.arrayContaining(['run_opened', 'batch_settled', 'run_purged']));
    expect((await ledger.audit.verify()).finding).toBeNull();
  });

  it.each(['sending', 'unanswered', 'in_doubt'])(
    'keeps an ended run with a write that is %s, and names it',
    async (state) => {
      const run = await endedRun(newContact(), 31, 'failed');
      const { db } = opened().database;
      await sql`update writes set state = ${state} where run_no = ${run.run_no}`.execute(db);
      expect((await purge()).kept).toEqual([{ runId: run.run_id, why: 'unanswered_writes' }]);
      expect(await rowsOf(run)).toBeGreaterThan(0);
      await sql`update writes set state = 'left' where run_no = ${run.run_no}`.execute(db);
      expect((await purge()).kept).toEqual([]);
    },
  );

  it('keeps an ended run with undelivered events, unless they are given up', async () => {
    const run = await endedRun(newContact());
    await sql`update outbox set delivered_at = null where run_no = ${run.run_no}`.execute(
      opened().database.db,
    );
    expect((await purge()).kept).toEqual([{ runId: run.run_id, why: 'undelivered_events' }]);
    expect(await purge({ withUndelivered: true })).toMatchObject({ runs: 1, events: 1, kept: [] });
  });

  it.each(['writing', 'paused', 'awaiting_approval', 'in_doubt', 'conflict', 'delivering'] as const)(
    'leaves a run in the phase %s alone, however old it is',
    async (phase) => {
      const { ledger, database } = opened();
      const run = await plannedRun(ledger, 2);
      await ledger.runs.setPhase(run.run_no, phase, null);
      await sql`update runs set started_at = ${ago(400)} where run_no = ${run.run_no}`.execute(database.db);
      expect(await purge()).toMatchObject({ runs: 0, records: 0, kept: [] });
      expect(await rowsOf(run)).toBeGreaterThan(0);
      await ledger.runs.close(run.run_no, 'cancelled', null, null);
    },
  );

  it('keeps a run whose records a running retry is still reading', async () => {
    const run = await endedRun(newContact());
    const { ledger } = opened();
    const retry = await openRun(ledger, { input: { source: { retryOf: run.run_id } } });
    expect((await purge()).kept).toEqual([{ runId: run.run_id, why: 'being_retried' }]);
    await ledger.records.finishStaging(retry.run_no);
    expect((await purge()).runs).toBe(1);
  });

  it('keeps a run whose records a failed retry reads once it is started again, until the retry is over', async () => {
    const run = await endedRun(newContact());
    const { runs } = opened().ledger;
    const retry = await openRun(opened().ledger, { input: { source: { retryOf: run.run_id } } });
    await runs.reserveBusinessKey(retry.run_no, retry.run_id);
    await runs.close(retry.run_no, 'failed', null, null);
    expect((await purge()).kept).toEqual([{ runId: run.run_id, why: 'being_retried' }]);
    await runs.close(retry.run_no, 'cancelled', null, null);
    expect((await purge()).runs).toBe(1);
  });

  it('reads no inputs of runs that have staged their source, to find out who is being retried', async () => {
    const { ledger, database } = opened();
    const input = { source: { dataset: 'none' } };
    const staged = await openRun(ledger, { input });
    await ledger.records.finishStaging(staged.run_no);
    const staging = await openRun(ledger, { input });
    const list = async (onlyStaging: boolean) =>
      (await listReaders(database.db, ['running'], { onlyStaging })).map(({ runId }) => runId);
    expect(await list(false)).toEqual(expect.arrayContaining([staged.run_id, staging.run_id]));
    expect(await list(true)).toContain(staging.run_id);
    expect(await list(true)).not.toContain(staged.run_id);
    for (const run of [staged, staging]) await ledger.runs.close(run.run_no, 'cancelled', null, null);
  });

  it('keeps a run whose retry begins while the purge is under way', async () => {
    const run = await endedRun(newContact());
    const { ledger, database } = opened();
    const { purging, retry } = await database.db.transaction().execute(async (tx) => {
      await lockRun(tx, run.run_no);
      const pending = purge();
      await untilWaiting(database.db, 1);
      return {
        purging: pending,
        retry: await openRun(ledger, { input: { source: { retryOf: run.run_id } } }),
      };
    });
    expect(await purging).toMatchObject({ runs: 0, records: 0 });
    expect((await ledger.runs.get(run.run_id)).purged_at).toBeNull();
    expect(await rowsOf(run)).toBeGreaterThan(0);
    await ledger.runs.close(retry.run_no, 'cancelled', null, null);
    expect((await purge()).runs).toBe(1);
  });

  it('deletes old datasets that no run is reading, old results of checks, and old snapshots but the newest', async () => {
    const { ledger, database } = opened();
    const stage = (name: string) =>
      ledger.datasets.stage(name, 'csv', Readable.from([Buffer.from(`a\n${someId('d')}\n`)]));
    const [old, needed, young] = [await stage('old'), await stage('needed'), await stage('young')];
    await sql`update datasets set created_at = ${ago(31)} where id in (${old.id}, ${needed.id})`.execute(
      database.db,
    );
    const reader = await openRun(ledger, { input: { source: { dataset: needed.id } } });
    const campaign = { tenant: 't', campaignId: someId('c') };
    const read = (version: number) =>
      ledger.campaigns.saveSnapshot(campaign, { version, document: { version }, selection: {} });
    for (const version of [1, 2, 3]) await read(version);
    await sql`update campaign_snapshots set read_at = ${ago(40)}::timestamptz + version * interval '1 day'
      where campaign_id = ${campaign.campaignId}`.execute(database.db);
    const [oldCheck, youngCheck] = [someId('check'), someId('check')];
    for (const id of [oldCheck, youngCheck])
      await ledger.eligibilityResults.add(id, [{ seq: 1, eligible: true, reason: 'ok' }]);
    await sql`update eligibility_results set checked_at = ${ago(31)} where check_id = ${oldCheck}`.execute(
      database.db,
    );

    const expected = { datasets: 1, snapshots: 2, checkedRows: 1 };
    expect(await ledger.purges.preview(scope)).toMatchObject(expected);
    expect(await purge()).toMatchObject(expected);
    const found = await Promise.all([old, needed, young].map(({ id }) => ledger.datasets.find(id)));
    expect(found.map((dataset) => dataset?.name)).toEqual([undefined, 'needed', 'young']);
    expect(await ledger.campaigns.findVersion(campaign, 3)).not.toBeNull();
    expect(await ledger.campaigns.findVersion(campaign, 2)).toBeNull();
    expect(await ledger.eligibilityResults.count(youngCheck)).toBe(1);
    await ledger.records.finishStaging(reader.run_no);
  });

  it('keeps the file of suppressed people of a list load until the run has ended', async () => {
    const { ledger, database } = opened();
    const bytes = Readable.from([Buffer.from(`phone\n${someId('d')}\n`)]);
    const file = await ledger.datasets.stage('dnc', 'csv', bytes);
    await sql`update datasets set created_at = ${ago(31)} where id = ${file.id}`.execute(database.db);
    const run = await openRun(ledger, { input: { source: { dataset: 'x' }, suppress: file.id } });
    await ledger.records.finishStaging(run.run_no);
    await purge();
    expect(await ledger.datasets.find(file.id)).toBeDefined();
    await sql`update runs set state = 'completed', finished_at = now() where run_no = ${run.run_no}`.execute(
      database.db,
    );
    await purge();
    expect(await ledger.datasets.find(file.id)).toBeUndefined();
  });

  it('is completed by the next one, wherever it was interrupted', async () => {
    const runs = [await endedRun(newContact()), await endedRun(newContact())];
    for (let steps = 1; ; steps += 1) {
      let step = 0;
      const onProgress = (): void => {
        step += 1;
        if (step === steps) throw new Error('killed');
      };
      const isDone = await purge({ onProgress }).then(
        () => true,
        () => false,
      );
      // A run is marked as purged from the first step on, so it is never partly visible.
      for (const { run_id: runId, run_no: runNo } of runs) {
        const { purged_at: purgedAt } = await opened().ledger.runs.get(runId);
        if (purgedAt === null)
          expect(await opened().ledger.runs.exactCounts(runNo)).toMatchObject({ total: 2 });
        expect(await opened().ledger.runs.counts(runNo)).toEqual({ total: 2, pending: 0, created: 2 });
      }
      if (isDone) break;
    }
    for (const run of runs) expect(await rowsOf(run)).toBe(0);
  });

  it('leaves counts in the audit, and nothing else', async () => {
    await endedRun(newContact());
    const purgeId = someId('purge');
    const { ledger } = opened();
    await ledger.purges.purge({ ...scope, purgeId, requestedBy: 'dana' });
    await ledger.audit.seal();
    const entries = [];
    for await (const { action, data } of ledger.audit.list(purgeId)) entries.push({ action, data });
    expect(entries).toEqual([
      {
        action: 'purged',
        data: {
          ...{ runs: 1, records: 2, events: 1, datasets: 0, snapshots: 0, checkedRows: 0 },
          ...{ before: scope.before.toISOString(), requestedBy: 'dana' },
        },
      },
    ]);
  });
});
