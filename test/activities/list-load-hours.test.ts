import { describe, expect, it } from 'vitest';
import { findOutOfHours } from '../../src/activities/list-load/hours.ts';
import type { ListLoadInput } from '../../src/contract/list-load.ts';
import { MS_PER_DAY } from '../../src/domain/timestamps.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { lead, leads, listLoadStand } from './list-loads.ts';

const HOURS: ListLoadInput['callingHours'] = {
  defaultRegion: 'US',
  regions: [
    { region: 'US', effective: '2000-01-01', source: 'test', windows: [{ from: '08:00', to: '21:00' }] },
  ],
};
/** 07:30 in Los Angeles, 10:30 in New York. */
const NOW = new Date('2026-11-28T15:30:00Z');

const FIELDS = [
  { phone_number: '+14155550161' },
  { phone_number: '+12125550162' },
  { phone_number: '+12125550163', time_zone: 'EST' },
];

async function find(options: Partial<ListLoadInput>, priorAttempt: 'none' | 'batch' = 'none') {
  const input: ListLoadInput = { listId: 'L1', campaignId: 'C1', source: { dataset: 'd' }, ...options };
  const records = FIELDS.map((record, i) => ({
    seq: i + 1,
    record: { fields: Object.entries(record).map(([name, value]) => ({ name, value })) },
  }));
  const run = { kind: 'listLoad', input } as unknown as Run;
  const { withheld, notBefore } = await findOutOfHours(
    { now: () => Promise.resolve(NOW) },
    { run, records, priorAttempt },
  );
  return { withheld: [...withheld], notBefore: [...notBefore] };
}

const WAITING = [
  [1, '2026-11-28T16:00:00.000Z'],
  // Until somebody decides.
  [3, '9999-12-31T23:59:59.999Z'],
];

it('nobody is outside hours that a run does not have', async () => {
  expect(await find({})).toEqual({ withheld: [], notBefore: [] });
});

it('who is outside their hours is waited for, and who may be anywhere until somebody decides', async () => {
  expect(await find({ callingHours: HOURS })).toEqual({ withheld: [], notBefore: WAITING });
});

it('they are rejected if the run says so', async () => {
  const { withheld, notBefore } = await find({ callingHours: HOURS, outsideHours: 'reject' });
  expect(withheld.map(([seq, { outcome, reasons }]) => [seq, outcome, reasons[0]?.code])).toEqual([
    [1, 'rejected', 'outside_calling_hours'],
    [3, 'rejected', 'time_zone_unknown'],
  ]);
  expect(notBefore).toEqual([]);
});

it('after a lost answer nobody is rejected for the hour, because CXone may have them; who was never sent is', async () => {
  const { withheld, notBefore } = await find({ callingHours: HOURS, outsideHours: 'reject' }, 'batch');
  expect(notBefore).toEqual(WAITING.slice(0, 1));
  expect(withheld).toMatchObject([
    [3, { outcome: 'rejected', reasons: [{ code: 'time_zone_unknown' }], isNeverSent: true }],
  ]);
});

describe('the clock of the ledger', () => {
  const { opened, start } = listLoadStand();

  async function load(input: Partial<Omit<ListLoadInput, 'source'>>, now: () => Promise<Date>) {
    const cxone = await start({}, { ledger: { ...opened().ledger, now } });
    const { run } = await cxone.plan(leads(1, 2), input);
    const { counts } = await cxone.writeAll(run);
    return counts;
  }
  const inDays = (days: number) => new Date(Date.now() + days * MS_PER_DAY);

  it('says who may be called, because it also says when a write is tried again', async () => {
    const [entry] = HOURS?.regions ?? [];
    const effective = inDays(180).toISOString().slice(0, 10);
    const windows = [{ from: '00:00', to: '24:00' }];
    const callingHours = { defaultRegion: 'US', regions: [{ ...entry, effective, windows }] };
    const input = { callingHours: callingHours as typeof HOURS };
    expect(await load(input, () => Promise.resolve(inDays(365)))).toMatchObject({ created: 2, pending: 0 });
    expect(await load(input, () => opened().ledger.now())).toMatchObject({ pending: 2 });
  });

  it('says in the plan who may be called when it is made, which is no part of what is approved', async () => {
    let now = NOW;
    const ledger = { ...opened().ledger, now: () => Promise.resolve(now) };
    const cxone = await start({}, { ledger });
    const rows = [
      ...leads(1, 2),
      lead(3, 3, { phone_number: '+12125550162' }),
      lead(4, 4, { time_zone: 'EST' }),
    ];
    const { run, plan } = await cxone.plan(rows, { callingHours: HOURS });
    const firstMoment = '2026-11-28T16:00:00.000Z';
    const outlook = { at: NOW.toISOString(), callable: 1, outsideHours: 2, firstMoment, unknown: 1 };
    expect(plan.outlook).toEqual(outlook);
    now = new Date(firstMoment);
    const later = await cxone.planOnly(run);
    expect(later.outlook).toEqual({
      at: firstMoment,
      callable: 3,
      outsideHours: 0,
      firstMoment: null,
      unknown: 1,
    });
    expect(later.hash).toBe(plan.hash);
    expect(later.notes).toEqual([
      expect.stringContaining('keeps to the calling hours'),
      expect.stringContaining('1 record whose time zone nobody can tell'),
    ]);
  });

  it('is not asked about runs without calling hours', async () => {
    const refuse = () => Promise.reject(new Error('asked without need'));
    expect(await load({}, refuse)).toMatchObject({ created: 2 });
  });
});
