/** Preferences whose request, or whose lookup, always fails although CXone answers others. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MAX_EQUAL_FAILURES } from '../../src/activities/engine/failing.ts';
import { CxoneUnavailable } from '../../src/cxone/errors.ts';
import type { UpdateBatchAnswer, UpdateBatchRequest } from '../../src/cxone/preferences.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { startSimulator } from '../simulator/stand.ts';
import { allBatches, CONTEXT } from './harness.ts';
import { ageFailures } from './pages.ts';
import {
  contactRow,
  createRowWorker,
  day,
  guid,
  importInput,
  listOutcomes,
  nextPerson,
  oneContact,
  openRunOf,
  optIn,
  optOut,
  stored,
} from './preferences.ts';

const opened = ledgerOfFile();

/** Starts a simulator. `fail` may replace the result of a batch of preferences. */
async function start(
  fail?: (request: UpdateBatchRequest, send: () => Promise<UpdateBatchAnswer>) => Promise<UpdateBatchAnswer>,
) {
  const { admin, cxone } = await startSimulator();
  const preferences = {
    ...cxone.preferences,
    updateBatch: (request: UpdateBatchRequest) => {
      const send = () => cxone.preferences.updateBatch(request);
      return fail ? fail(request, send) : send();
    },
  };
  const { ledger } = opened();
  return {
    admin,
    ledger,
    ...createRowWorker(ledger, { ...cxone, preferences }, { tenant: someId('tenant') }),
  };
}

type Stand = Awaited<ReturnType<typeof start>>;

afterEach(() => vi.useRealTimers());

const unavailable = () => new CxoneUnavailable({ ...CONTEXT, status: 500 }, null, 'unknown');
const isAbout = (n: number, { items }: UpdateBatchRequest) =>
  items.some(({ contactId }) => contactId === guid(n));

describe('a batch of preferences that always fails because of one item', () => {
  it('is divided; the item is read back, sent once more, and rejected if CXone does not have it', async () => {
    const [poison, ...others] = [nextPerson(), nextPerson(), nextPerson()];
    const { plan, writePage, ledger } = await start((request, send) => {
      if (isAbout(poison, request)) return Promise.reject(unavailable());
      return send();
    });
    const run = await openRunOf(ledger, [optOut(poison, 5), ...others.map((n) => optIn(n, 5))]);
    await plan(run);
    for (let pass = 1; pass <= 20; pass += 1) await writePage(allBatches(run)).catch(() => undefined);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'pending', 2: 'updated', 3: 'updated' });
    // It is the last item, so no other request can show that CXone accepts preferences.
    await ageFailures(opened(), run);
    await writePage(allBatches(run));
    expect(await listOutcomes(ledger, run)).toMatchObject({
      1: 'rejected not_applied_unexplained on_our_suppression_list',
    });
  });

  it('is divided; the item is updated if reading back shows that CXone has applied it', async () => {
    const [poison, other] = [nextPerson(), nextPerson()];
    const { runToEnd, ledger } = await start(async (request, send) => {
      const answer = await send();
      if (isAbout(poison, request)) throw unavailable();
      return answer;
    });
    const { run } = await runToEnd([optIn(poison, 5), optIn(other, 5)]);
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'updated', 2: 'updated' });
  });

  /** The first two fail together; `onLast` is called in the last attempt at the whole batch, so only its halves come after it. */
  async function divideAfter(onLast: (stand: Stand, objector: number) => Promise<void>) {
    const [poison, objector, other] = [nextPerson(), nextPerson(), nextPerson()];
    const sent: UpdateBatchRequest[] = [];
    const stand: Stand = await start(async (request, send) => {
      sent.push(request);
      if (!isAbout(poison, request)) return send();
      if (sent.length === MAX_EQUAL_FAILURES + 1) await onLast(stand, objector);
      throw unavailable();
    });
    const run = await openRunOf(stand.ledger, [optOut(poison, 5), optIn(other, 5), optIn(objector, 5)]);
    await stand.plan(run);
    for (let pass = 1; pass <= 20; pass += 1) await stand.writePage(allBatches(run)).catch(() => undefined);
    const attempts = sent.slice(0, MAX_EQUAL_FAILURES + 1).map(({ items }) => items.length);
    expect(attempts).toEqual(attempts.map(() => 3));
    const halves = sent.slice(attempts.length);
    return {
      outcomes: await listOutcomes(stand.ledger, run),
      optInsSent: halves.flatMap(({ items }) => items.filter((item) => item.optIn)),
      guids: { other: guid(other), objector: guid(objector) },
    };
  }

  it('sends no half with the opt-in of somebody who has objected since', async () => {
    const { outcomes, optInsSent, guids } = await divideAfter(async ({ plan, ledger }, objector) => {
      await plan(await openRunOf(ledger, [optOut(objector, 9)]));
    });
    expect(outcomes).toMatchObject({ 2: 'updated', 3: 'conflict older_than_withdrawal' });
    expect(new Set(optInsSent.map(({ contactId }) => contactId))).toEqual(new Set([guids.other]));
  });

  it('sends no half whose guard is outdated, so that no opt-in overwrites a withdrawal in CXone', async () => {
    const { outcomes, optInsSent, guids } = await divideAfter(async ({ admin }, objector) => {
      await admin.seedPreferences([stored(optOut(objector, 9), day(1))]);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 });
    });
    expect(outcomes).toMatchObject({ 2: 'updated', 3: 'conflict newer_in_cxone' });
    expect(new Set(optInsSent.map(({ contactId }) => contactId))).toEqual(new Set([guids.other]));
  });
});

describe('a lookup that always fails', () => {
  it('counts as a no, and the other contacts are created', async () => {
    const { admin, ledger, runToEnd } = await start();
    const people = [nextPerson(), nextPerson(), nextPerson()];
    await admin.seedPreferences(people.map((n) => stored(optIn(n, 5))));
    await admin.setFaults([oneContact(people[1] ?? 0, { status: 500 })]);
    const input = importInput({ requireConsent: 'email' });
    const { run } = await runToEnd(
      people.map((n) => contactRow(n)),
      input,
      'contactImport',
    );
    expect(await listOutcomes(ledger, run)).toEqual({
      1: 'created',
      2: 'ineligible consent_unavailable',
      3: 'created',
    });
  });

  it('counts as a no if its connection is always cut, too', async () => {
    const { admin, ledger, runToEnd } = await start();
    const people = [nextPerson(), nextPerson()];
    await admin.seedPreferences(people.map((n) => stored(optIn(n, 5))));
    await admin.setFaults([oneContact(people[0] ?? 0, { reset: 'before' })]);
    const input = importInput({ requireConsent: 'email' });
    const { run } = await runToEnd(
      people.map((n) => contactRow(n)),
      input,
      'contactImport',
    );
    expect(await listOutcomes(ledger, run)).toEqual({ 1: 'ineligible consent_unavailable', 2: 'created' });
  });
});
