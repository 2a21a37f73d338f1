/** The settings of webhooks: hosts and secrets. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../src/config/config.ts';

function listProblems(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('CXFLOW_WEBHOOK_HOSTS', () => {
  const CRM = 'https://crm.example:8443/hook?key=hush';

  it('permits ports, and is separated by blanks or commas', () => {
    const { crm } = loadConfig({
      CRM_WEBHOOK_URL: CRM,
      CXFLOW_WEBHOOK_HOSTS: 'CRM.example:8443, [FD00::1] x',
    });
    expect(crm.hosts).toEqual(['crm.example:8443', '[fd00::1]', 'x']);
  });

  it('is named where it refuses a webhook, or is wrong itself', () => {
    const [port, ...others] = listProblems({ CRM_WEBHOOK_URL: CRM });
    expect([port, others]).toEqual([
      expect.stringMatching(/^CRM_WEBHOOK_URL must have port 443, unless CXFLOW_WEBHOOK_HOSTS lists/),
      [],
    ]);
    expect(port).not.toContain('hush');
    expect(listProblems({ CXFLOW_WEBHOOK_HOSTS: 'crm.example *.example' })).toEqual([
      expect.stringMatching(/^CXFLOW_WEBHOOK_HOSTS must be hosts or host:port/),
    ]);
    expect(listProblems({ CRM_WEBHOOK_URL: 'https://169.254.169.254/' })).toHaveLength(1);
  });
});

describe('CXFLOW_WEBHOOK_SECRET', () => {
  const URL = { CRM_WEBHOOK_URL: 'https://crm.example/hook' };
  const ofBytes = (length: number, fill = 'k') => `whsec_${Buffer.alloc(length, fill).toString('base64')}`;

  it('is one secret, or two while it is rotated', () => {
    for (const secrets of [[ofBytes(24)], [ofBytes(64)], [ofBytes(32), ofBytes(33, 'n')]]) {
      const { crm } = loadConfig({ ...URL, CXFLOW_WEBHOOK_SECRET: secrets.join('  ') });
      expect(crm.signingSecrets.map((secret) => secret.reveal())).toEqual(secrets);
      expect(inspect(crm, { depth: 9 })).not.toContain(secrets[0]);
    }
    const file = { MARKETING_WEBHOOK_URL: URL.CRM_WEBHOOK_URL, CXFLOW_WEBHOOK_SECRET_FILE: '/run/secret' };
    expect(loadConfig(file, () => `${ofBytes(24)}\n`).crm.signingSecrets).toHaveLength(1);
  });

  it.each([
    ['23 bytes', ofBytes(23)],
    ['65 bytes', ofBytes(65)],
    ['no prefix', ofBytes(24).slice(6)],
    ['a private key', ofBytes(64).replace('whsec_', 'whsk_')],
    ['another alphabet', ofBytes(25, '\u00ff').replaceAll('/', '_').replace('w7', '-_')],
    ['no padding', ofBytes(25).replace(/=+$/, '')],
    ['three of them', [ofBytes(24), ofBytes(25), ofBytes(26)].join(' ')],
    ['one of two', `${ofBytes(24)} ${ofBytes(5)}`],
  ])('is refused with %s, and not quoted', (_, value) => {
    const problems = listProblems({ ...URL, CXFLOW_WEBHOOK_SECRET: value });
    expect(problems).toEqual([expect.stringMatching(/^CXFLOW_WEBHOOK_SECRET must be one secret, or two/)]);
    for (const part of value.split(' ')) expect(problems.join()).not.toContain(part.slice(6));
  });

  it('is refused if there is no webhook that would be signed', () => {
    expect(listProblems({ CXFLOW_WEBHOOK_SECRET: ofBytes(24) })).toEqual([
      expect.stringMatching(
        /^CXFLOW_WEBHOOK_SECRET is set, but neither CRM_WEBHOOK_URL nor MARKETING_WEBHOOK_URL/,
      ),
    ]);
  });
});
