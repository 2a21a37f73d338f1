/**
 * The sample of the vendor's tutorial on preferences, from the file to the check before outreach: its three raw preferences, and
 * the body of its request (docs/cxone-contract.md#preferences).
 */
import { expect, it } from 'vitest';
import type { PreferenceUpdateResult } from '../../src/contract/preference-update.ts';
import { PREFERENCES_BODY, RAW_PREFERENCES } from '../harness/tutorial-samples.ts';
import { CRM, type Stand, useStand } from '../scenarios/stand.ts';

const onStand = useStand();

const ENV = { MARKETING_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };

type Updated = PreferenceUpdateResult & { readonly runId: string };

async function update(stand: Stand, preferences: readonly object[], ...more: string[]) {
  stand.file('preferences.json', JSON.stringify(preferences));
  const { code, document } = await stand.json<Updated>([
    ...['preferences', 'update', 'preferences.json'],
    ...more,
  ]);
  await stand.conserved(document.runId);
  return { code, ...document };
}

it("two of the tutorial's three preferences are updated, one breaks a rule, and consent is as they say", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    const updated = await update(stand, RAW_PREFERENCES);
    expect(updated).toMatchObject({
      code: 3,
      counts: { total: 3, pending: 0, updated: 2, invalid: 1 },
      violations: 1,
      complianceRatePercent: 66.67,
    });
    const [event, ...others] = await stand.admin.webhooks(CRM);
    expect(others).toEqual([]);
    expect(JSON.stringify(event?.body)).toMatch(/pref-\d+/);

    const check = ['preferences', 'check'];
    const [first, second, third] = RAW_PREFERENCES.map(({ contactId }) => contactId) as [
      string,
      string,
      string,
    ];
    const exitCodes = await Promise.all(
      [
        [first, 'email'],
        [second, 'sms'],
        [third, 'voice'],
      ].map(
        async ([id = '', channel = '']) =>
          (await stand.cxflow([...check, '--contact', id, '--channel', channel])).code,
      ),
    );
    // Eligible is only who opted in; nothing was stored for the third.
    expect(exitCodes).toEqual([0, 3, 3]);

    // CXone has both already, so a second run sends nothing.
    expect(await update(stand, RAW_PREFERENCES, '--again')).toMatchObject({
      code: 3,
      counts: { total: 3, existing: 2, invalid: 1 },
    });
    expect(await stand.admin.preferenceJournal()).toHaveLength(2);
  });
});

it("the body of the tutorial's request is an input, and CXone receives it as it was given", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    expect(await update(stand, PREFERENCES_BODY)).toMatchObject({
      code: 0,
      counts: { total: 1, updated: 1 },
    });
    const { preferences } = await stand.admin.preferences();
    const { idempotencyKey, ...stored } = PREFERENCES_BODY[0] as (typeof PREFERENCES_BODY)[0];
    expect(preferences).toMatchObject([stored]);
    expect(await stand.admin.preferenceJournal()).toMatchObject([{ idempotencyKey }]);
  });
});
