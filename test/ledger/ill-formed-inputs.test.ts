/** A ledger may have inputs that older versions accepted: no query reads a field of them in SQL. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ledgerOfFile, newContact, openRun, someId } from './harness.ts';

const opened = ledgerOfFile();
const LEDGER = join(import.meta.dirname, '../../src/ledger');

const ILL_FORMED = {
  'a NUL': 'da\0na',
  'half of a surrogate pair': 'da\ud800na',
  'a key with NUL': { 'a\0': 1 },
};

describe.each(Object.entries(ILL_FORMED))('an input with %s', (_, requestedBy) => {
  it('leaves the retries of other runs readable', async () => {
    const { ledger } = opened();
    const parent = someId('parent');
    await openRun(ledger, { input: { requestedBy, source: { retryOf: 'another' } } });
    const retry = await openRun(ledger, { input: { requestedBy, source: { retryOf: parent } } });
    expect(await ledger.retries.list(parent)).toMatchObject([{ runId: retry.run_id, state: 'running' }]);
    expect(await ledger.retries.list('nobody')).toEqual([]);
  });

  it('leaves erasures possible, which still wait for what is being read', async () => {
    const { ledger } = opened();
    const contactId = newContact();
    const { id: dataset } = await ledger.datasets.stage('rows', 'ndjson', bytes(contactId));
    const runs = [
      await openRun(ledger, { input: { requestedBy, source: { dataset } } }),
      await openRun(ledger, { input: { requestedBy, source: { path: 'a.csv' } } }),
      await openRun(ledger, { input: { requestedBy, source: { retryOf: 'r1' } } }),
    ];
    const subject = { contactId, objectedAt: new Date().toISOString(), requestedBy: 'dana' };
    const erased = await ledger.erasures.erase({ ...subject, erasureId: someId('erasure') });
    expect(erased.waitingFor).toEqual(expect.arrayContaining(runs.map(({ run_id: id }) => id)));
    expect(await ledger.datasets.find(dataset)).toBeDefined();
    for (const run of runs) await ledger.runs.close(run.run_no, 'completed', null, null);
  });
});

/** A field of `input` in SQL. */
const FIELD_OF_INPUT = /\binput\s*(::jsonb?\s*)?(->|#>|@>|\?)/;

it('no statement of the ledger reads a field of an input', () => {
  const files = (readdirSync(LEDGER, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));
  expect(files.length, 'files').toBeGreaterThan(20);
  expect("input->>'x'").toMatch(FIELD_OF_INPUT);
  const reading = files.filter((file) => FIELD_OF_INPUT.test(readFileSync(join(LEDGER, file), 'utf8')));
  expect(reading).toEqual([]);
});

async function* bytes(text: string): AsyncIterable<Buffer> {
  await Promise.resolve();
  yield Buffer.from(`{"contactId":"${text}"}\n`);
}
