/** The id of made-up person n, in the form that preferences require. */
export const guid = (n: number): string => `0a1b2c3d-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** A stored preference: person n opted in to email at the beginning of 2026. */
export function optedIn(n: number) {
  return {
    contactId: guid(n),
    channel: 'email',
    optIn: true,
    consentTimestamp: '2026-01-01T00:00:00Z',
    withdrawalTimestamp: null,
    regulatoryRegion: 'NONE',
    source: 'seed',
    idempotencyKey: crypto.randomUUID(),
    updatedAt: '2026-01-01T00:00:00Z',
  };
}

/** A stored preference: person n opted out later than any date in the rows of a preference update. */
export function optedOut(n: number) {
  return {
    ...optedIn(n),
    optIn: false,
    withdrawalTimestamp: '2026-06-01T00:00:00Z',
    updatedAt: '2026-06-01T00:00:00Z',
  };
}
