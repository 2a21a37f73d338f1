/** A row of JSON that says no and yes under the same key, of which JSON.parse keeps the yes. */
import { expect, it } from 'vitest';
import { someId } from '../ledger/harness.ts';
import { guid, listOutcomes, nextPerson, optIn, optOut, rowWorkersOfFile } from './preferences.ts';

const { start } = rowWorkersOfFile();

it('an objection in a row with a key twice protects the person, and the row is not sent', async () => {
  const { ledger, plan, writeAll, close, countRequests } = await start();
  const [both, rest] = [nextPerson(), nextPerson()];
  const row = JSON.stringify(optOut(both, 20)).replace('"optIn":false', '"optIn":false,"optIn":true');
  async function* bytes(): AsyncIterable<Buffer> {
    yield await Promise.resolve(Buffer.from(`${row}\n${JSON.stringify(optIn(rest, 10))}\n`));
  }
  const { id } = await ledger.datasets.stage(someId('rows'), 'ndjson', bytes());
  const { run } = await ledger.runs.open({
    runId: someId('run'),
    kind: 'preferenceUpdate',
    target: 'preferences',
    again: true,
    dryRun: false,
    requestedBy: null,
    input: { source: { dataset: id } },
  });
  await plan(run);
  await writeAll(run);
  await close(run);
  expect(await listOutcomes(ledger, run)).toEqual({ 1: 'invalid row_repeated_key', 2: 'updated' });
  expect(await ledger.suppressions.find([guid(both)], ['email'])).toHaveLength(1);
  expect(await countRequests('POST')).toBe(1);
});
