import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/config.ts';
import { loadTemporal, TemporalSettingsError } from '../src/config/temporal.ts';

describe("the settings of Temporal's SDK", () => {
  let folder = '';
  const file = () => join(folder, 'xdg/temporalio/temporal.toml');
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cxflow-profile-'));
    await mkdir(dirname(file()), { recursive: true });
    await writeFile(
      file(),
      `[profile.default]
      namespace = "from-default"
      [profile.cloud]
      address = "cloud.example:7233"
      namespace = "team.acct"
      api_key = "k"
      [profile.cloud.grpc_meta]
      team = "a"`,
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('default to those of cxflow', () => {
    expect(loadTemporal({ TEMPORAL_ADDRESS: '', TEMPORAL_NAMESPACE: ' ' })).toMatchObject({
      namespace: 'default',
      connectionOptions: { address: 'localhost:7233', tls: undefined, apiKey: undefined },
    });
  });

  it('come from the named profile, with TLS for its API key; environment variables take precedence', () => {
    const env = { TEMPORAL_CONFIG_FILE: file(), TEMPORAL_PROFILE: 'cloud' };
    expect(loadTemporal({ ...env, TEMPORAL_GRPC_META_TEAM: 'b' })).toEqual({
      namespace: 'team.acct',
      connectionOptions: { address: 'cloud.example:7233', apiKey: 'k', tls: true, metadata: { team: 'b' } },
    });
    expect(loadTemporal({ ...env, TEMPORAL_NAMESPACE: 'own' }).namespace).toBe('own');
  });

  it('are refused if a text could do damage, including those that only the SDK reads', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n';
    expect(() => loadTemporal({ TEMPORAL_TLS_CLIENT_KEY_DATA: pem.replace('abc', 'a\ufffdc') })).toThrow(
      /TEMPORAL_TLS_CLIENT_KEY_DATA must not have U\+FFFD/,
    );
    expect(() => loadTemporal({ TEMPORAL_API_KEY: 'k\0' })).toThrow(/TEMPORAL_API_KEY must not have a NUL/);
    expect(() => loadTemporal({ TEMPORAL_GRPC_META_TEAM: 'a\u0085' })).toThrow(/a control character/);
  });

  it('come from the default profile in its usual location', () => {
    const env = { XDG_CONFIG_HOME: join(folder, 'xdg'), HOME: folder };
    if (process.platform === 'linux') expect(loadTemporal(env).namespace).toBe('from-default');
    expect(loadConfig(env).temporalNamespace).toBe(loadTemporal(env).namespace);
  });

  it('are part of the configuration, unless the profile cannot be read, which fails only a connection', () => {
    const env = { TEMPORAL_CONFIG_FILE: file(), TEMPORAL_PROFILE: 'cloud' };
    const names = { temporalAddress: 'cloud.example:7233', temporalNamespace: 'team.acct' };
    expect(loadConfig(env)).toMatchObject(names);
    const broken = { ...env, TEMPORAL_PROFILE: 'nope', TEMPORAL_NAMESPACE: 'own' };
    expect(() => loadTemporal(broken)).toThrow(TemporalSettingsError);
    expect(loadConfig(broken)).toMatchObject({ temporalAddress: null, temporalNamespace: 'own' });
  });
});
