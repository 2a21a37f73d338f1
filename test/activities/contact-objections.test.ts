/** The gate before a batch is repeated: objections and consent that changed meanwhile. */
import { describe, expect, it, vi } from 'vitest';
import { RateLimiter } from '../../src/activities/engine/rate-limiter.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { upTo } from '../ledger/harness.ts';
import {
  contactRow,
  day,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  openRunOf,
  optIn,
  optOut,
  rowWorkersOfFile,
  stored,
} from './preferences.ts';

const { opened, start } = rowWorkersOfFile();

const LOOKUP = { method: 'GET', family: 'preferences' } as const;

/** Does the work ten minutes later, when consent that was looked up before is too old. */
async function tenMinutesLater<T>(work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}

function toListRecord(n: number) {
  const { phone: number, ...rest } = contactRow(n);
  return { ...rest, phoneNumbers: [{ type: 'mobile', number }], customFields: {} };
}

it('an objection to a number or an address counts for every contact who has it, in whatever field', async () => {
  const worker = await start({});
  const [first, second, third] = [nextPerson(), nextPerson(), nextPerson()];
  const about = (kind: 'email' | 'phone', value: string) =>
    ({
      target: { kind, value },
      channel: 'sms',
      reason: 'asked by phone',
      code: null,
      since: day(5),
    }) as const;
  const mailbox = `ann-${second}@example.com`;
  await worker.ledger.suppressions.addEntries(
    [[about('phone', contactRow(first).phone), about('email', mailbox)]],
    { by: 'dana' },
  );
  const rows = [contactRow(first), { ...contactRow(second), mail: mailbox.toUpperCase() }, contactRow(third)];
  const run = await openRunOf(worker.ledger, rows, importInput(), 'contactImport');
  await worker.plan(run);
  await worker.writeAll(run);
  expect(await listOutcomes(worker.ledger, run)).toEqual({
    1: 'suppressed suppressed',
    2: 'suppressed suppressed',
    3: 'created',
  });
});

describe('an objection between a lost answer and the next attempt', () => {
  const lostAnswer = (reset: 'before' | 'after') => ({
    match: { method: 'POST', family: 'contactlists' } as const,
    times: 1,
    fault: { reset },
  });
  const object = (n: number) =>
    opened().ledger.suppressions.add(
      [{ contactId: guid(n), channel: 'voice', reason: 'opted_out', since: day(5) }],
      null,
    );

  /** An import of two people who consented to email, which the import requires. */
  async function startRun(options: object, faults: FaultRule[]) {
    const worker = await start({ faults });
    const [stays, withdraws] = [nextPerson(), nextPerson()];
    await worker.admin.seedPreferences([stays, withdraws].map((n) => stored(optIn(n, 5))));
    const rows = [contactRow(stays), contactRow(withdraws)];
    const input = importInput({ requireConsent: 'email', ...options });
    const run = await openRunOf(worker.ledger, rows, input, 'contactImport');
    return { ...worker, run, stays, withdraws };
  }

  async function startAndLoseAnswer() {
    const started = await startRun({}, [lostAnswer('before')]);
    await started.plan(started.run);
    await started.writePage({ runId: started.run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    return started;
  }

  /** Sends a batch whose answer is lost, then lets some of its people object, then sends what may be sent. */
  async function objectAfterLostAnswer(reset: 'before' | 'after', objecting: (people: number[]) => number[]) {
    const worker = await start({ faults: [lostAnswer(reset)] });
    const { plan, writePage, writeAll, ledger, admin } = worker;
    const numbers = [nextPerson(), nextPerson()];
    const rows = numbers.map((n) => contactRow(n));
    const run = await openRunOf(ledger, rows, importInput(), 'contactImport');
    await plan(run);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    for (const n of objecting(numbers)) await object(n);
    await writeAll(run);
    const inList = (await admin.journal({ list: 'L1' })).map(({ contactId }) => contactId);
    return { outcomes: await listOutcomes(ledger, run), inList, numbers };
  }

  it('keeps the person off the list if the lost attempt was not applied', async () => {
    const { outcomes, inList, numbers } = await objectAfterLostAnswer('before', ([first = 0]) => [first]);
    expect(outcomes).toEqual({ 1: 'suppressed suppressed', 2: 'created' });
    expect(inList).toEqual([guid(numbers[1] ?? 0)]);
  });

  it('leaves the person in doubt if CXone has all others: the lost attempt may have been applied', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('after', ([first = 0]) => [first]);
    expect(outcomes).toEqual({
      1: 'in_doubt answer_lost objected_after_sending',
      2: 'existing own_write_or_existing',
    });
    expect(inList).toHaveLength(2);
  });

  it('by everybody in the batch leaves them in doubt, and nothing more is sent', async () => {
    const { outcomes, inList } = await objectAfterLostAnswer('before', (all) => all);
    expect(Object.values(outcomes)).toEqual(upTo(2).map(() => 'in_doubt answer_lost objected_after_sending'));
    expect(inList).toEqual([]);
  });

  it('is reported with a contact that our own lost batch may have added, even if the answer to its update is lost, too', async () => {
    const lostUpdate = {
      match: { method: 'PUT', family: 'contactlists' },
      times: 1,
      fault: { reset: 'after' },
    };
    const { plan, writePage, writeAll, ledger, admin } = await start({
      faults: [lostAnswer('after'), lostUpdate as FaultRule],
    });
    const n = nextPerson();
    const run = await openRunOf(
      ledger,
      [contactRow(n)],
      importInput({ existing: 'update' }),
      'contactImport',
    );
    await plan(run);
    const firstPage = { runId: run.run_id, fromBatch: 1, toBatch: 1 };
    await writePage(firstPage).catch(() => undefined);
    await writePage(firstPage).catch(() => undefined);
    await object(n);
    await writeAll(run);
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'existing objected_after_sending own_write_or_existing',
    });
    const actions = (await admin.journal({ list: 'L1' })).map(({ action }) => action);
    expect(actions).toEqual(['create', 'update']);
  });

  it('is found if consent is required: it is looked up again before a batch is resent after ten minutes', async () => {
    const { run, stays, withdraws, admin, writeAll, ledger } = await startAndLoseAnswer();
    await admin.seedPreferences([stored(optIn(stays, 5)), stored(optOut(withdraws, 4))]);
    const permits = vi.spyOn(RateLimiter.prototype, 'acquire');
    try {
      await tenMinutesLater(() => writeAll(run));
      // Two lookups and the batch.
      expect(permits).toHaveBeenCalledTimes(3);
    } finally {
      permits.mockRestore();
    }
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'ineligible explicit_opt_out' });
  });

  it('is found if it is staged while consent is looked up again, or while the batch waits for its permit', async () => {
    for (const step of [2, 3]) {
      const { run, withdraws, writeAll, ledger, admin } = await startAndLoseAnswer();
      const acquire = vi.spyOn(RateLimiter.prototype, 'acquire');
      // The permits are those of the claim, which the first lookup uses, of the second lookup, and of the batch.
      for (let before = 1; before < step; before += 1) acquire.mockResolvedValueOnce();
      acquire.mockImplementationOnce(() => object(withdraws));
      await tenMinutesLater(() => writeAll(run)).finally(() => acquire.mockRestore());
      expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'suppressed suppressed' });
      expect(await admin.journal({ list: 'L1' })).toHaveLength(1);
    }
  });

  it('is looked up three times if the answers are unreadable, and then counts as a no', async () => {
    const { run, admin, writeAll, ledger, countLookups } = await startAndLoseAnswer();
    const before = await countLookups();
    await admin.setFaults([{ match: LOOKUP, times: 3, fault: { truncate: 'clean' } }]);
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'ineligible consent_unavailable', 2: 'created' });
    expect((await countLookups()) - before).toBe(4);
  });

  it('is not looked up again after an interruption if it was answered before', async () => {
    const { run, admin, writeAll, ledger, countLookups } = await startAndLoseAnswer();
    const before = await countLookups();
    await admin.setFaults([{ match: LOOKUP, after: 1, times: 2, fault: { status: 503 } }]);
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'created', 2: 'created' });
    expect((await countLookups()) - before).toBe(4);
  });

  it('is found before an update that was never sent, whose lookups are a separate write', async () => {
    const { plan, writePage, writeAll, ledger, admin, create, countLookups, run, stays, withdraws } =
      await startRun({ existing: 'update' }, []);
    await create('L1', [stays, withdraws].map(toListRecord));
    await plan(run);
    await admin.setFaults([
      { match: { method: 'PUT', family: 'contactlists' }, times: 1, fault: { status: 429, retryAfter: 1 } },
    ]);
    await writePage({ runId: run.run_id, fromBatch: 1, toBatch: 1 }).catch(() => undefined);
    await admin.clearFaults();
    await admin.seedPreferences([stored(optIn(stays, 5)), stored(optOut(withdraws, 4))]);
    const before = await countLookups();
    await tenMinutesLater(() => writeAll(run));
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'ineligible explicit_opt_out' });
    expect((await countLookups()) - before).toBe(2);
  });
});
