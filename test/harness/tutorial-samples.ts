/** Samples of the vendor's tutorials, unchanged. */

/** The three raw preferences of the tutorial on preferences. The last one is an opt-in without a date of consent. */
export const RAW_PREFERENCES = [
  {
    contactId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    channel: 'email',
    optIn: true,
    consentTimestamp: '2024-06-10T09:15:00.000Z',
    withdrawalTimestamp: null,
    regulatoryRegion: 'GDPR',
    source: 'crm-sync',
  },
  {
    contactId: 'b2c3d4e5-f6a7-8901-bcde-f12345678901',
    channel: 'sms',
    optIn: false,
    consentTimestamp: '2024-05-01T14:20:00.000Z',
    withdrawalTimestamp: '2024-06-12T11:30:00.000Z',
    regulatoryRegion: 'TCPA',
    source: 'web-unsubscribe',
  },
  {
    contactId: 'c3d4e5f6-a7b8-9012-cdef-123456789012',
    channel: 'voice',
    optIn: true,
    consentTimestamp: null,
    withdrawalTimestamp: null,
    regulatoryRegion: 'CCPA',
    source: 'call-center-agent',
  },
];

/** The body of that tutorial's request. */
export const PREFERENCES_BODY = [
  {
    contactId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    channel: 'email',
    optIn: true,
    consentTimestamp: '2024-01-15T10:30:00.000Z',
    withdrawalTimestamp: null,
    regulatoryRegion: 'GDPR',
    source: 'web-form-v2',
    idempotencyKey: 'c9d8e7f6-a5b4-3210-fedc-ba9876543210',
  },
];

const listRecord = (phone: string, days: string, rating: string, status: string) => ({
  fields: [
    { name: 'phone_number', value: phone },
    { name: 'last_contact_days', value: days },
    { name: 'engagement_rating', value: rating },
    { name: 'customer_status', value: status },
  ],
});

/** The three raw records of the tutorial on campaign lists. The last one has the number of the first. */
export const RAW_LIST_RECORDS = [
  listRecord('+15550100001', '10', 'HIGH', 'ACTIVE'),
  listRecord('+15550100002', '120', 'LOW', 'PROSPECT'),
  listRecord('+15550100001', '5', 'HIGH', 'ACTIVE'),
];

/** The message of the tutorial on outbound emails, with its recipients inside. */
export const RAW_EMAIL_MESSAGE = {
  subject: 'Q3 Product Update',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'marketing@example.com',
  recipients: [
    { emailAddress: 'user1@example.com', mergeFields: { firstName: 'Alice' } },
    { emailAddress: 'user2@example.com', mergeFields: { firstName: 'Bob' } },
  ],
  tracking: { enableOpens: true, enableClicks: true },
};
