/**
 * A run that failed on Monday and is started again on Friday, with a corrected source, reads it as of Friday, also where a
 * worker dies and the next attempt is made on Saturday.
 */
import { describe, expect, it } from 'vitest';
import { defineContactImport } from '../../src/activities/contact-import/index.ts';
import { createPreferenceReader } from '../../src/activities/preference-update/rows.ts';
import type { CommonInput } from '../../src/contract/run.ts';
import { fakeRun } from '../harness/fake-run.ts';
import { ledgerOfFile, someId } from '../ledger/harness.ts';
import { createEnvironment, createWorker, fakeCxone, runActivity } from './harness.ts';
import { contactRow, optIn, optOut } from './preferences.ts';
import { HEADER, useSourceFolder } from './source-folder.ts';

const opened = ledgerOfFile();
const { folder, writeCsv } = useSourceFolder(opened);

const [monday, thursday, friday] = ['2026-03-02', '2026-03-05', '2026-03-06'].map(
  (date) => new Date(`${date}T10:00:00.000Z`),
) as [Date, Date, Date];
const saturday = new Date('2026-03-07T10:00:00.000Z');
const attempted = { started_at: monday, fence: String(saturday.getTime()) };
const restarted = (kind: string) => fakeRun({ kind, ...attempted, opened_at: friday });
const startedOnce = fakeRun({ kind: 'preferenceUpdate', ...attempted, opened_at: monday });

describe('a run that was started again', () => {
  it('dates an objection without a date by the last start, so that an older consent does not outrank it', () => {
    const row = optOut(1, 1, { withdrawalTimestamp: null, consentTimestamp: null });
    const objectionsOf = (run: typeof startedOnce) =>
      createPreferenceReader(run, null, {})({ ...row }).objections;
    expect(objectionsOf(restarted('preferenceUpdate'))).toMatchObject([{ since: friday.toISOString() }]);
    expect(objectionsOf(startedOnce)).toMatchObject([{ since: monday.toISOString() }]);
  });

  it('does not take what happened since its first start for the future', () => {
    const consentTimestamp = thursday.toISOString();
    const preference = createPreferenceReader(restarted('preferenceUpdate'), null, {});
    expect(preference({ ...optIn(1, 1, { consentTimestamp }) })).toMatchObject({
      record: { consentTimestamp },
    });
    const { createReader } = defineContactImport({ webhooks: {} } as never).definition;
    const read = createReader(restarted('contactImport'), null, {});
    expect(read(contactRow(1, { consentTimestamp }))).toMatchObject({ record: { consentTimestamp } });
  });
});

it('reads a source as of the start, in whichever attempt, and as of the next start once it is started again', async () => {
  const { ledger } = opened();
  const { sourceDir } = folder;
  const { activities } = createWorker(ledger, fakeCxone().cxone, { sourceDir });
  const [start, later, muchLater] = [1, 2, 3].map((hours) => Date.now() + hours * 3_600_000) as [
    number,
    number,
    number,
  ];
  const at = (scheduledTimestampMs: number, currentAttemptScheduledTimestampMs: number) =>
    createEnvironment({ scheduledTimestampMs, currentAttemptScheduledTimestampMs });
  const between = new Date(start + 1_800_000).toISOString();
  const path = await writeCsv(`${HEADER}\nc1,+14155550001,${between},confirmed\n`);
  const input = { listId: 'L1', source: { path } } as CommonInput;
  const request = { kind: 'contactImport', target: 'L1', input };
  const [runId, restartedId] = [someId('run'), someId('run')] as const;

  await runActivity(() => activities.openRun({ ...request, runId }), at(start, start));
  // A second attempt to open the run, then the staging, after a worker has died.
  await runActivity(() => activities.openRun({ ...request, runId }), at(start, later));
  await runActivity(() => activities.stageRecords(runId), at(later, later));
  expect(await ledger.runs.exactCounts((await ledger.runs.get(runId)).run_no)).toEqual({
    total: 1,
    pending: 0,
    invalid: 1,
  });
  await ledger.runs.close((await ledger.runs.get(runId)).run_no, 'failed', null, null);

  await runActivity(() => activities.openRun({ ...request, runId: restartedId }), at(start, start));
  await runActivity(() => activities.openRun({ ...request, runId: restartedId }), at(later, later));
  await runActivity(() => activities.stageRecords(restartedId), at(later, muchLater));
  expect(await ledger.runs.exactCounts((await ledger.runs.get(restartedId)).run_no)).toEqual({
    total: 1,
    pending: 1,
  });
});
