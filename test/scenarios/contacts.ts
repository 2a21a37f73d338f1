/** Small sources of made-up contacts. */

const DAY_MS = 86_400_000;

export interface Row {
  readonly contactId: string;
  readonly firstName: string;
  readonly phone: string;
  readonly consentTimestamp: string;
  readonly optInStatus: string;
}

/** A year ago, so that the consent is recent enough whenever the test runs. */
export const CONSENT = new Date(Date.now() - 365 * DAY_MS).toISOString().slice(0, 10);

/** A valid row. The same n is the same contact in every file; the phone number is fictitious. */
export function rowAt(n: number, change: Partial<Row> = {}): Row {
  return {
    contactId: `c-${n}`,
    firstName: `Name ${n}`,
    phone: `+1415555${String(1_300 + n).padStart(4, '0')}`,
    consentTimestamp: CONSENT,
    optInStatus: 'confirmed',
    ...change,
  };
}

/** Rows `from` to `to`, both included. */
export function rows(from: number, to: number): Row[] {
  return Array.from({ length: to - from + 1 }, (_, i) => rowAt(from + i));
}

export interface CsvShape {
  readonly delimiter?: string;
  readonly end?: string;
  readonly bom?: boolean;
}

/** Does not quote cells: a test that needs quotes adds them itself. */
export function csv(records: readonly object[], { delimiter = ',', end = '\n', bom = false }: CsvShape = {}) {
  const header = Object.keys(records[0] ?? {});
  const lines = records.map((record) => Object.values(record).join(delimiter));
  return `${bom ? '\ufeff' : ''}${[header.join(delimiter), ...lines].join(end)}${end}`;
}

export const ndjson = (records: readonly object[]): string =>
  `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;

/** A contact in the shape of CXone's API, to seed a list and for NDJSON. */
export function apiShape({ contactId, firstName, phone, consentTimestamp, optInStatus }: Row) {
  return {
    contactId,
    phoneNumbers: [{ type: 'mobile', number: phone }],
    customFields: { firstName },
    consentTimestamp: new Date(consentTimestamp).toISOString(),
    optInStatus: optInStatus as 'confirmed' | 'pending',
  };
}
