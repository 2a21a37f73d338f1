/** The domain imports nothing from the client, so both define what the API accepts. The definitions have to agree. */
import { expect, it } from 'vitest';
import { MAX_RECORDS_PER_REQUEST } from '../../src/cxone/contact-lists.wire.ts';
import * as wire from '../../src/cxone/preferences.wire.ts';
import { CHANNELS, REGIONS } from '../../src/domain/consent/eligibility.ts';
import { CONTACTS_PER_BATCH } from '../../src/domain/contact-import/contacts.ts';

it('the domain has the channels and regions of the API', () => {
  expect(CHANNELS).toEqual(wire.CHANNELS);
  expect(REGIONS).toEqual(wire.REGIONS);
});

it('a batch is not larger than a request may be', () => {
  expect(CONTACTS_PER_BATCH).toBe(MAX_RECORDS_PER_REQUEST);
});
