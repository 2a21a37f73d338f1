import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { createErasureActivities } from '../../src/activities/consent/erasure.ts';
import { ledgerOfFile, newContact } from '../ledger/harness.ts';
import { createEnvironment, runActivity } from './harness.ts';

const opened = ledgerOfFile();

it('returns the result of an overlapping attempt that finished and deleted the dataset meanwhile', async () => {
  const { ledger } = opened();
  const line = `${JSON.stringify({ contactId: newContact() })}\n`;
  const { id: dataset } = await ledger.datasets.stage(
    'erasure',
    'ndjson',
    Readable.from([Buffer.from(line)]),
  );
  const env = createEnvironment();
  const attempt = (of: typeof ledger) =>
    runActivity(() => createErasureActivities({ ledger: of }).eraseSubject({ dataset }), env);
  const first = attempt(ledger);
  // Looks for a result before the first has finished, and for the dataset after that.
  const slow = {
    ...ledger,
    datasets: { ...ledger.datasets, find: (id: string) => first.then(() => ledger.datasets.find(id)) },
    erasures: { ...ledger.erasures },
  };
  let looked = 0;
  slow.erasures.find = async (id) => {
    looked += 1;
    return looked === 1 ? null : ledger.erasures.find(id);
  };
  expect(await attempt(slow)).toEqual(await first);
  expect(await ledger.datasets.find(dataset)).toBeUndefined();
});
