/** What a plan says about its records, beside its figures. */
import { expect, it } from 'vitest';
import { lead, leads, listLoadStand, phone } from './list-loads.ts';

const { opened, start } = listLoadStand();

const HOURS = {
  defaultRegion: 'US',
  regions: [
    { region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from: '08:00', to: '21:00' }] },
  ],
};
const NO_ID =
  '2 of 3 records have no contact_id, by which our own suppression list knows people: it may not find them';

it('counts who cannot be looked up in our own suppression list, unless nobody is on it', async () => {
  const cxone = await start();
  const withoutId = (n: number) => ({ phone_number: phone(n), score: String(n) });
  const rows = [lead(1), withoutId(2), { ...withoutId(3), time_zone: 'PST' }];
  expect((await cxone.plan(rows)).plan.notes).toBeUndefined();

  const since = new Date().toISOString();
  await opened().ledger.suppressions.add(
    [{ contactId: 'somebody', channel: 'voice', reason: 'test', since }],
    null,
  );
  expect((await cxone.plan(rows)).plan.notes).toEqual([NO_ID]);
  const { plan } = await cxone.plan(rows, { callingHours: HOURS });
  expect(plan.notes).toEqual([
    expect.stringContaining('Each batch keeps to the calling hours'),
    '1 record whose time zone nobody can tell will stay pending until the run is cancelled',
    NO_ID,
  ]);
  expect((await cxone.plan(leads(1, 2))).plan.notes).toBeUndefined();
});
