/** A source without a header, which no client has checked: no personal data leaves the records. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenRunInput } from '../../src/activities/engine/runs.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import { ledgerOfFile, openRun } from '../ledger/harness.ts';
import { createWorker, fakeCxone, runActivity } from './harness.ts';

const opened = ledgerOfFile();
let sourceDir = '';
beforeAll(async () => {
  sourceDir = await mkdtemp(join(tmpdir(), 'cxflow-without-header-'));
});
afterAll(() => rm(sourceDir, { recursive: true }));

const NAME = 'Zwitscherling';

describe('a CSV without a header', () => {
  it.each([
    [
      'that can be recognized',
      `c-1,${NAME},049 176 1234567,x@example.org,2026-01-01,confirmed`,
      /looks like a row/,
    ],
    [
      'that cannot be recognized',
      `c-1,${NAME},soon,yes`,
      /No column for phone\. Is the first line a header\?/,
    ],
    ['with two equal cells', `c-1,${NAME},${NAME},yes`, /columns 2 and 3/],
  ])(
    '%s leaves no personal data in the history, the log, the audit or the run',
    async (what, line, expected) => {
      const { ledger, database } = opened();
      const path = `${what.replaceAll(' ', '-')}.csv`;
      await writeFile(join(sourceDir, path), `${line}\nc-2,Roe,x,y\n`);
      const worker = createWorker(ledger, fakeCxone().cxone, { sourceDir });
      const run = await openRun(ledger, { input: { listId: 'L1', source: { path } } });
      const failure = await runActivity(() => worker.activities.stageRecords(run.run_id)).catch(
        (error: unknown) => error as Error,
      );
      expect(failure).toMatchObject({ type: 'SourceUnreadable', nonRetryable: true });
      const { message, stack } = failure as Error;
      expect(message).toMatch(expected);
      await runActivity(() =>
        worker.activities.closeRun({
          runId: run.run_id,
          state: 'failed',
          failure: { type: 'SourceUnreadable', message },
        }),
      );
      const { rows } = await sql<{ text: string }>`
      select string_agg(a::text, '') || (select r::text from runs r where run_id = ${run.run_id}) as text
      from audit_pending a where run_id = ${run.run_id}`.execute(database.db);
      const texts = [
        message,
        stack,
        ...worker.errors.map((error) => (error as Error).stack),
        rows[0]?.text,
      ].join('\n');
      expect(texts).toContain('run_closed');
      expect(texts).not.toContain(NAME);
    },
  );

  it('can be started again under its id with a map for its columns', async () => {
    const { ledger } = opened();
    const path = 'other-columns.csv';
    const header = 'Customer,Mobile,Since,State';
    await writeFile(join(sourceDir, path), `${header}\nc-1,+14155550100,2026-01-01,confirmed\n`);
    const { activities } = createWorker(ledger, fakeCxone().cxone, { sourceDir });
    const start = (map: Readonly<Record<string, string>>): OpenRunInput => ({
      runId: 'mapped',
      kind: 'contactImport',
      target: 'L1',
      input: { listId: 'L1', source: { path, map } } as ContactImportInput,
    });
    await runActivity(() => activities.openRun(start({})));
    await expect(runActivity(() => activities.stageRecords('mapped'))).rejects.toThrow(
      /No column for contactId/,
    );
    const map = { contactId: 'Customer', phone: 'Mobile', consentTimestamp: 'Since', optInStatus: 'State' };
    await runActivity(() => activities.openRun(start(map)));
    await runActivity(() => activities.stageRecords('mapped'));
    const run = await ledger.runs.get('mapped');
    expect(await ledger.runs.exactCounts(run.run_no)).toEqual({ total: 1, pending: 1 });
  });
});
