/** A run that failed on Monday and is started again on Friday, with a corrected source, reads it as of Friday. */
import { describe, expect, it } from 'vitest';
import { defineContactImport } from '../../src/activities/contact-import/index.ts';
import { createPreferenceReader } from '../../src/activities/preference-update/rows.ts';
import { fakeRun } from '../harness/fake-run.ts';
import { contactRow, optIn, optOut } from './preferences.ts';

const [monday, thursday, friday] = ['2026-03-02', '2026-03-05', '2026-03-06'].map(
  (date) => new Date(`${date}T10:00:00.000Z`),
) as [Date, Date, Date];
const restarted = (kind: string) => fakeRun({ kind, started_at: monday, fence: String(friday.getTime()) });
const startedOnce = fakeRun({ kind: 'preferenceUpdate', started_at: monday, fence: '0' });

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
