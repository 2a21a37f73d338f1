/** The consent on which each message is sent, as the receipt shows it. */
import { expect, it } from 'vitest';
import { emailStand, person } from './email-sends.ts';
import { optIn, stored } from './preferences.ts';

const { opened, start } = emailStand();

const REQUIRED = { channelConsent: 'require' } as const;

it('is kept with its date and source, and removed by an erasure', async () => {
  const cxone = await start();
  const { ledger } = opened();
  const ann = person();
  const row = optIn(1, 300, { contactId: ann.contactId, source: 'shop-form' });
  await cxone.admin.seedPreferences([stored(row)]);
  const run = await cxone.sent([ann], REQUIRED);
  const [message] = await ledger.emails.timeline(run.run_no, 1);
  expect(message).toMatchObject({ attempt: 1, consent: { source: 'shop-form', region: 'GDPR' } });
  expect(message?.consent?.consentedAt).toEqual(new Date(row.consentTimestamp ?? ''));
  expect(message?.consent?.rules).toMatch(/^consent-\d+$/);
  const [job] = await cxone.jobs(run);
  expect(message?.consent?.checkedAt.getTime()).toBeLessThanOrEqual(job?.submittedAt.getTime() ?? 0);
  await cxone.track(run);
  await cxone.end(run);
  const subject = { erasureId: `erase-${run.run_id}`, contactId: ann.contactId, requestedBy: null };
  await ledger.erasures.erase({ ...subject, objectedAt: new Date().toISOString() });
  expect(await ledger.emails.timeline(run.run_no, 1)).toMatchObject([{ attempt: 1, consent: null }]);
});

it('is none if it was not looked up', async () => {
  const cxone = await start();
  const run = await cxone.sent([person()]);
  expect(await opened().ledger.emails.timeline(run.run_no, 1)).toMatchObject([{ consent: null }]);
});

it('is that of the last lookup before the message, for each message', async () => {
  const { emails } = opened().ledger;
  const { db } = opened().database;
  const cxone = await start();
  const run = await cxone.sent([person()]);
  const consent = (at: string, attempt: number) => ({
    ...{ seq: 1, attempt, checkedAt: new Date(at), consentedAt: null },
    ...{ source: null, region: 'NONE', rules: 'consent-2' },
  });
  for (const at of ['2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z'])
    await emails.recordConsents(run.run_no, [consent(at, 1), consent(at, 2)], db);
  await emails.recordConsents(run.run_no, [consent('2026-11-03T00:00:00Z', 2)], db);
  expect(await emails.timeline(run.run_no, 1)).toMatchObject([
    { consent: { checkedAt: new Date('2026-11-02T00:00:00Z') } },
  ]);
});
