/** Inputs of workflows, field by field. */

const SELECTION = {
  targetListIds: ['L1'],
  exclusionListIds: ['L2'],
  filterRules: [{ field: 'city', operator: 'eq', value: { any: ['Köln', 3, null, true] } }],
  priorityOrder: ['age', { by: 'age' }],
};

/** Valid values of every field, so that tests can vary them. A field without one fails texts.test.ts. */
export const SAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  listId: ['L1'],
  campaignId: ['C1'],
  contactId: ['c1'],
  dataset: ['ds_1'],
  rollbackOf: ['r1'],
  requestedBy: ['dana'],
  timeZone: ['America/New_York'],
  map: [{ phone: 'Mobile Number' }],
  source: [
    { path: 'in/contacts.csv', format: 'csv', encoding: 'utf-8', map: { phone: 'Tel' } },
    { dataset: 'ds_1', map: { phone: 'Tel' } },
    { retryOf: 'r1' },
  ],
  selection: [SELECTION],
  change: [{ add: SELECTION, remove: { targetListIds: ['L3'] } }, { remove: SELECTION }],
  deduplicateBy: [['phone_number', 'email']],
  scoring: [
    { column: 'score' },
    {
      base: 50,
      numbers: { age: { missing: 30, min: 0 } },
      rules: [
        { field: 'age', below: 14, add: 20 },
        { field: 'age', above: 90, add: -15 },
        { field: 'plan', equals: ['gold'], add: 15 },
      ],
      clamp: { min: 0, max: 100 },
    },
  ],
  schema: [{ allowed: ['phone_number'] }, { required: ['phone_number'] }],
  suppress: ['ds_csv_1'],
  callingHours: [
    {
      defaultRegion: 'US',
      regions: [
        {
          region: 'US',
          effective: '2000-01-01',
          source: 'a law',
          windows: [{ days: ['monday'], from: '08:00', to: '21:00' }],
        },
      ],
    },
  ],
  outsideHours: ['wait', 'reject'],
  acceptSuppressions: ['3f9a0c1d2e4b5a67'],
  message: [
    {
      subject: 'News',
      templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
      senderAddress: 'news@example.com',
      tags: ['spring'],
      tracking: { enableOpens: true },
      mergeFields: ['firstName|there', 'plan'],
      preview: 'Hello',
    },
  ],
  channelConsent: ['require', 'ignore'],
  sendAt: ['2026-12-01T09:00Z', '2026-12-01T09:00 Europe/Berlin'],
  sendBefore: ['2026-12-01T10:00+01:00'],
  canary: [10],
  canaryWait: ['1h'],
  retryAfter: ['6h'],
  retries: [2],
  pollDeadline: ['24h'],
  watchEvents: ['72h'],
  existing: ['skip'],
  country: ['US', 'gb'],
  dedupe: ['phone'],
  requireConsent: ['email'],
  policy: ['strict'],
  channel: ['email'],
  optInStatus: ['confirmed'],
  onInDoubt: ['ask'],
  onConflict: ['ask'],
  notify: ['run'],
  approvalDeadline: ['3 days', '12h', '1.5 weeks', '90 sec'],
  inDoubtDeadline: ['3 days'],
  conflictDeadline: ['3 days'],
  baseVersion: [3],
  ...Object.fromEntries(['approval', 'dryRun', 'again', 'guard', 'fit'].map((field) => [field, [true]])),
};
