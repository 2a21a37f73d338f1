import { describe, expect, it } from 'vitest';
import { someId, upTo } from '../ledger/harness.ts';
import { runActivity } from './harness.ts';
import {
  day,
  guid,
  listOutcomes,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { start } = rowWorkersOfFile();

describe('a preference update', () => {
  it('is written in batches of a hundred, after a lookup of each item, and reports the compliance rate', async () => {
    const { runToEnd, inCxone, countRequests } = await start();
    const numbers = upTo(240).map(nextPerson);
    // A batch with an opt-out would leave after five seconds of lookups, and the rest of it in requests of its own.
    const rows = numbers.map((n) => optIn(n, 5));
    const { plan, result } = await runToEnd([...rows, { ...optIn(nextPerson(), 5), channel: 'fax' }]);
    expect(plan).toMatchObject({ toWrite: 240, batches: 3, lookups: { requests: 240, withoutContactId: 0 } });
    expect(result).toMatchObject({
      kind: 'preferenceUpdate',
      counts: { total: 241, pending: 0, updated: 240, invalid: 1 },
      requests: 3,
      violations: 1,
      complianceRatePercent: 99.59,
      suppressions: 0,
    });
    expect(await countRequests('GET')).toBe(240);
    expect(await countRequests('POST')).toBe(3);
    expect(await inCxone(numbers[0] ?? 0)).toMatchObject({ optIn: true, consentTimestamp: day(5) });
  });

  it('writes the newest row of a contact and channel; the others name its line', async () => {
    const { runToEnd, inCxone, ledger } = await start();
    const [a, b] = [nextPerson(), nextPerson()];
    const rows = [
      optIn(a, 3),
      optOut(a, 9),
      optIn(a, 5),
      optIn(b, 4),
      optOut(b, 4),
      optIn(a, 1, { channel: 'sms' }),
    ];
    const { run } = await runToEnd(rows);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'duplicate duplicate_in_source',
      2: 'updated',
      3: 'duplicate duplicate_in_source',
      4: 'duplicate duplicate_in_source',
      5: 'updated',
      6: 'updated',
    });
    for await (const { seq, reasons } of ledger.records.list(run.run_no, 'duplicate'))
      expect(reasons[0]?.message).toBe(`line ${seq === 4 ? 5 : 2} is newer`);
    expect(await inCxone(a)).toMatchObject({ optIn: false, withdrawalTimestamp: day(9) });
    expect((await inCxone(b))?.optIn).toBe(false);
  });
});

describe('a settled batch', () => {
  it('is proven for the items that were sent, and for no others', async () => {
    const { runToEnd, admin, ledger } = await start();
    const [sent, guarded] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optOut(guarded, 20))]);
    const { run } = await runToEnd([optIn(sent, 5), optIn(guarded, 10)]);
    expect(await ledger.consentProof.list(guid(sent))).toMatchObject([
      { runId: run.run_id, optIn: true, source: 'web-form', outcome: 'updated', httpStatus: 200, seq: 1 },
    ]);
    expect(await ledger.consentProof.list(guid(guarded))).toEqual([]);
  });

  it('contributes latency, violations and rate to the audit, but no personal data', async () => {
    const { runToEnd, ledger } = await start();
    const { run } = await runToEnd([optIn(nextPerson(), 5), optIn(nextPerson(), 5, { source: '' })]);
    while ((await ledger.audit.seal()) > 0);
    const entries: { action: string; data: unknown }[] = [];
    for await (const entry of ledger.audit.list(run.run_id)) entries.push(entry);
    expect(entries.at(-1)).toMatchObject({
      action: 'run_closed',
      data: { violations: 1, complianceRatePercent: 50, averageLatencyMs: expect.any(Number) as number },
    });
    expect(JSON.stringify(entries)).not.toContain('a1b2c3d4');
  });
});

describe('the marketing subscriber', () => {
  it('receives the written items of each batch, in the same bytes with each attempt', async () => {
    const received: { id: string; body: string }[] = [];
    let refusals = 1;
    const post = (id: string, body: string): Promise<void> => {
      received.push({ id, body });
      refusals -= 1;
      return refusals < 0 ? Promise.resolve() : Promise.reject(new Error('status 503'));
    };
    const { plan, writeAll, close, admin, activities, ledger } = await start(
      {},
      { webhooks: { crm: null, marketing: post } },
    );
    const [written, guarded] = [nextPerson(), nextPerson()];
    await admin.seedPreferences([stored(optOut(guarded, 20))]);
    const run = await openRunOf(ledger, [optIn(written, 5), optIn(guarded, 10)], { notify: 'run' });
    await plan(run);
    await writeAll(run);
    await ledger.runs.setPhase(run.run_no, 'delivering', null);
    await expect(runActivity(() => activities.deliverEvents(run.run_id))).rejects.toMatchObject({
      type: 'SubscriberUnavailable',
    });
    await runActivity(() => activities.deliverEvents(run.run_id));
    expect(received).toHaveLength(2);
    expect(received[1]).toEqual(received[0]);
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
      event: 'preferences.batch.updated',
      id: received[0]?.id,
      payload: [
        {
          contactId: guid(written),
          channel: 'email',
          optIn: true,
          status: 'updated',
          conflictResolved: false,
        },
      ],
    });
    expect((await close(run)).events).toEqual({ delivered: 1, undelivered: 0 });
  });

  it('does not receive items of people who were erased before delivery', async () => {
    const received: string[] = [];
    const { plan, writeAll, activities, ledger } = await start(
      {},
      { webhooks: { crm: null, marketing: (_, body) => Promise.resolve(void received.push(body)) } },
    );
    const [anna, ben] = [nextPerson(), nextPerson()];
    const run = await openRunOf(ledger, [optIn(anna, 5), optIn(ben, 5)]);
    await plan(run);
    await writeAll(run);
    const objectedAt = new Date().toISOString();
    const erasure = { erasureId: someId('erasure'), contactId: guid(anna), objectedAt, requestedBy: null };
    expect(await ledger.erasures.erase(erasure)).toMatchObject({ records: 1, waitingFor: [] });
    await ledger.runs.setPhase(run.run_no, 'delivering', null);
    await runActivity(() => activities.deliverEvents(run.run_id));
    expect(received.map((body) => (JSON.parse(body) as { payload: object[] }).payload)).toMatchObject([
      [{ contactId: guid(ben), status: 'updated' }],
    ]);
  });
});
