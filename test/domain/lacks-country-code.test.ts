import { expect, it } from 'vitest';
import { lacksCountryCode } from '../../src/domain/consent/suppression-rows.ts';

it.each([
  '0171 2345678',
  '030/901820',
  '(415) 555-0101',
  '415-555-0101',
  '1-415-555-0101',
  '\u200e030 901820',
])('%s is a phone number without its country code', (text) => {
  expect(lacksCountryCode(text)).toBe(true);
});

it.each([
  '+49 171 2345678',
  'crm-1001',
  '00123456789',
  '2024-000123',
  '01.05.2026',
  'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  'ann@example.org',
  '1 2',
])('%s is not, or may be an id', (text) => {
  expect(lacksCountryCode(text)).toBe(false);
});
