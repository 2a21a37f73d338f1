/** The client refuses what cannot be stored, before it stores or starts anything. */
import { expect, it } from 'vitest';
import { POISONS } from '../contract/texts.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { clientOfFile, problemsOf } from './harness.ts';

const made = clientOfFile();
const poisons = Object.entries(POISONS);
const ROW = { contactId: 'c1', phone: '+14155550101' };

it.each(poisons)('a run id with %s is refused by every method', async (_, runId) => {
  const { client } = made();
  const input = { listId: 'L1', source: { path: 'a.csv' } };
  const calls = [
    client.startContactImport(input, { runId }),
    client.progress(runId),
    client.decide(runId, { action: 'pause' }),
    client.result(runId),
    client.checkEligibilityList({ dataset: 'ds_1' }, runId),
    client.cancelEligibilityList(runId),
  ];
  for (const call of calls)
    expect(await problemsOf(call)).toEqual([expect.stringMatching(/^the run id must/)]);
  expect(() => client.eligibility(runId)).toThrow(/^the run id must/);
});

it('an ill-formed erasure leaves nothing behind', async () => {
  const { client, url } = made();
  const before = await readLedgerContents(url);
  for (const [name, requestedBy] of poisons)
    if (name !== 'mark') await problemsOf(client.erase({ contactId: 'c-of-erasure', requestedBy }));
  for (const name of ['nul', 'highSurrogate', 'lowSurrogate', 'megabyte'] as const)
    await problemsOf(client.erase({ contactId: POISONS[name] }));
  expect(await readLedgerContents(url)).toBe(before);
});

it.each([
  ['', /no character that can be seen/],
  ['\u200b\ufeff', /no character that can be seen/],
  ['{ }', /nothing between its braces/],
  ['1.00045E+11', /a spreadsheet has shortened/],
  ['NULL', /a missing value/],
])('an erasure of %j, whom it would mistake for everybody, is refused', async (contactId, cause) => {
  const { client, url } = made();
  const before = await readLedgerContents(url);
  expect(await problemsOf(client.erase({ contactId }))).toEqual([expect.stringMatching(cause)]);
  expect(() => client.previewErasure({ contactId })).toThrow(cause);
  expect(await readLedgerContents(url)).toBe(before);
});

it.each(poisons.filter(([name]) => name !== 'mark'))(
  'a source with %s in its name is refused',
  async (_, name) => {
    const { client } = made();
    expect(await problemsOf(client.stageRows([ROW], name))).toEqual([
      expect.stringMatching(/^the name of the source must/),
    ]);
  },
);

it.each([Number.NaN, Infinity, -Infinity])('a row with %s is refused, not stored as null', async (amount) => {
  const { client } = made();
  expect(await problemsOf(client.stageRows([ROW, { ...ROW, amount }]))).toEqual([
    `row 2 has a number that JSON does not have: amount is ${amount}`,
  ]);
  expect(await problemsOf(client.stageRows([{ amounts: [amount] }]))).toHaveLength(1);
});

it('a row that JSON cannot hold is refused', async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const { client } = made();
  for (const row of [circular, { id: 1n }])
    expect(await problemsOf(client.stageRows([row]))).toEqual([
      expect.stringMatching(/^row 1 is not a JSON object/),
    ]);
});
