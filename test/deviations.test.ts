/** Deviations from the tutorials (docs/cxone-contract.md#deviations-from-the-tutorials) that no other test notices. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/config.ts';
import { FAMILIES, FAMILY_NAMES } from '../src/cxone/families.wire.ts';
import { readPreference } from '../src/domain/preference-update/preferences.ts';
import { listRepositoryFiles, ROOT } from './harness/texts.ts';

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const sources = listRepositoryFiles().filter((file) => /^src\/.*\.ts$/.test(file));
const inSources = (folder: string, pattern: RegExp) =>
  sources.filter((file) => file.startsWith(folder) && pattern.test(read(file)));

describe('deviations from the tutorials', () => {
  it('no webhook is registered in CXone, and the scope for it is not requested', () => {
    expect(FAMILY_NAMES.flatMap((family) => FAMILIES[family].scopes)).not.toContain('webhooks:write');
    expect(inSources('src/cxone/', /webhook/i)).toEqual([]);
  });

  it('no event goes to an address that nobody has chosen', () => {
    const { webhookUrl, marketingWebhookUrl } = loadConfig({}).crm;
    expect([webhookUrl, marketingWebhookUrl]).toEqual([null, null]);
    expect(inSources('src/', /hooks\.example\.com/)).toEqual([]);
  });

  it('tokens are not revoked', () => {
    expect(inSources('src/cxone/', /revo(?:ke(?!d)|cation)/i)).toEqual([]);
  });

  it('only eligibility checks give up; there is no other retry layer', () => {
    expect(inSources('src/', /maximumAttempts: \d/)).toEqual(['src/workflows/policies.ts']);
    expect(read('src/workflows/policies.ts').match(/maximumAttempts/g)).toHaveLength(1);
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: object };
    expect(Object.keys(dependencies)).not.toContain('p-retry');
  });

  const row = {
    contactId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    channel: 'email',
    optIn: 'true',
    consentTimestamp: '2024-01-15T10:30:00.000Z',
    regulatoryRegion: 'GDPR',
    source: 'web-form-v2',
  };

  it('updatedAt is the date of the decision and not the time of sending', () => {
    const result = readPreference(row, null, new Date('2026-01-01T00:00:00Z'));
    expect(result).toMatchObject({ preference: { updatedAt: '2024-01-15T10:30:00.000Z' } });
  });

  it('a preference without a source is invalid', () => {
    const result = readPreference({ ...row, source: '' }, null, new Date('2026-01-01T00:00:00Z'));
    expect(result).toMatchObject({ reasons: [{ code: 'source_missing', field: 'source' }] });
  });
});
