import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/config.ts';
import { EnvFileError, readEnvFiles } from '../src/config/env-file.ts';

const CANARY = 'canary-secret-0815';

function read(files: Record<string, string>, env: Record<string, string> = {}) {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error('none'), { code: 'ENOENT' });
    return text;
  };
  return readEnvFiles(Object.keys(files), env, readFile);
}

function problemsOf(text: string): readonly string[] {
  try {
    read({ f: text });
  } catch (error) {
    if (error instanceof EnvFileError) return error.problems;
    throw error;
  }
  return [];
}

describe('a file of settings', () => {
  it("is read like Node's, with the variables of the tutorials", () => {
    const text = [
      '\uFEFF# of the preferences tutorial',
      'CXONE_BASE_URL=https://api.cxone.com',
      'export CXONE_CLIENT_ID = "the client" # a comment',
      `CXONE_CLIENT_SECRET='${CANARY}'`,
      '',
      'EXTERNAL_MARKETING_WEBHOOK_URL=https://hooks.example/m?a=b\r',
      'TEMPORAL_TLS_CLIENT_CERT_DATA="-----BEGIN CERTIFICATE-----',
      'QUJDRA==',
      '-----END CERTIFICATE-----"',
    ].join('\n');
    const { values, origins } = read({ '/etc/env': text });
    expect(values).toEqual({
      CXONE_BASE_URL: 'https://api.cxone.com',
      CXONE_CLIENT_ID: 'the client',
      CXONE_CLIENT_SECRET: CANARY,
      EXTERNAL_MARKETING_WEBHOOK_URL: 'https://hooks.example/m?a=b',
      TEMPORAL_TLS_CLIENT_CERT_DATA: '-----BEGIN CERTIFICATE-----\nQUJDRA==\n-----END CERTIFICATE-----',
    });
    expect(origins.get('CXONE_CLIENT_ID')).toBe('/etc/env:3');
    const { families } = loadConfig({ ...values, CXONE_REGION: 'us' }).cxone;
    expect(families.preferences.clientSecret?.reveal()).toBe(CANARY);
    expect(JSON.stringify(families)).not.toContain(CANARY);
  });

  it('may have comments after values, and #, quotes and lines of any kind within quotes', () => {
    const text = [
      'CXONE_CLIENT_ID=it"s # a "comment" # and more',
      `CXONE_CLIENT_SECRET="a#'\`b" # it's a comment`,
      'CXONE_TENANT= # none',
      "TEMPORAL_TLS_CLIENT_CERT_DATA='# first",
      'not a setting',
      "=last' # end",
      'CXONE_INSTANCE=x',
    ].join('\n');
    const { values, origins } = read({ f: text });
    expect(values).toEqual({
      CXONE_CLIENT_ID: 'it"s',
      CXONE_CLIENT_SECRET: "a#'`b",
      CXONE_TENANT: '',
      TEMPORAL_TLS_CLIENT_CERT_DATA: '# first\nnot a setting\n=last',
      CXONE_INSTANCE: 'x',
    });
    expect(origins.get('CXONE_INSTANCE')).toBe('f:7');
  });

  it('yields to the environment, a later file takes precedence, and an empty variable counts as unset', () => {
    const files = {
      first: 'CXFLOW_RATE_PER_MINUTE=1\nCXFLOW_MAX_IN_FLIGHT=2\nCXONE_TENANT=a',
      second: 'CXFLOW_MAX_IN_FLIGHT=3\nCXONE_TENANT=b',
    };
    const { values, origins } = read(files, { CXONE_TENANT: 'acme', CXFLOW_RATE_PER_MINUTE: ' ' });
    expect(values).toEqual({ CXFLOW_RATE_PER_MINUTE: '1', CXFLOW_MAX_IN_FLIGHT: '3' });
    expect(origins.get('CXFLOW_MAX_IN_FLIGHT')).toBe('second:1');
  });

  it.each([
    ['CXONE_CLIENT_SECRET_FILE', 'CXONE_CLIENT_SECRET'],
    ['CXONE_CLIENT_SECRET', 'CXONE_CLIENT_SECRET_FILE'],
    ['CXONE_BASE_URL', 'CXONE_PREFERENCES_URL'],
    ['CXONE_PREFERENCES_URL', 'CXONE_BASE_URL'],
  ])('does not replace a setting that the environment has as %s by %s', (here, there) => {
    expect(read({ f: `${there}=x` }, { [here]: 'y' }).values).toEqual({});
    expect(read({ f: `${here}=y`, g: `${there}=x` }).values).toEqual({ [there]: 'x' });
    expect(read({ f: `${here}=y\n${there}=x` }).values).toEqual({ [here]: 'y', [there]: 'x' });
  });

  it.each([
    ['a line without a value', `CXONE_TENANT=a\n${CANARY}\nCXONE_REGION=us`, ['f:2 is not NAME=value']],
    ['a colon', `CXONE_TENANT: ${CANARY}`, ['f:1 is not NAME=value']],
    ['a name that is none', `1X=${CANARY}\n=x`, ['f:1 is not NAME=value', 'f:2 is not NAME=value']],
    [
      'a quote that is not closed',
      `CXONE_TENANT="${CANARY}\nCXONE_REGION=us\nCXONE_INSTANCE="x"`,
      ['f:1 CXONE_TENANT has a quote that is not closed'],
    ],
    [
      'a quote that is closed nowhere',
      `CXONE_TENANT="${CANARY}\nCXONE_REGION=us\nCXONE_INSTANCE='${CANARY}`,
      [
        'f:1 CXONE_TENANT has a quote that is not closed',
        'f:3 CXONE_INSTANCE has a quote that is not closed',
      ],
    ],
    [
      'a # in a value without quotes',
      `CXONE_CLIENT_SECRET=${CANARY}#x\nCXONE_TENANT=#${CANARY} # a comment`,
      [
        'f:1 CXONE_CLIENT_SECRET has a # in a value without quotes',
        'f:2 CXONE_TENANT has a # in a value without quotes',
      ],
    ],
    [
      'text after a closing quote',
      `CXONE_CLIENT_SECRET="${CANARY}"x\nCXONE_TENANT='it's'\nCXONE_INSTANCE="a\\"b"`,
      ['CXONE_CLIENT_SECRET', 'CXONE_TENANT', 'CXONE_INSTANCE'].map(
        (name, at) => `f:${at + 1} ${name} has text after the closing quote`,
      ),
    ],
    [
      'a tab that Node keeps',
      `CXONE_TENANT\t=a\nCXONE_INSTANCE=\t"x"`,
      ['f:1 is not NAME=value', 'f:2 is not NAME=value'],
    ],
  ])('with %s is refused with file and line, and without the text', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems);
    expect(problemsOf(text).join()).not.toContain(CANARY);
  });

  it('that does not exist is named, together with the problems of the others', () => {
    let problems: readonly string[] = [];
    try {
      readEnvFiles(['missing', 'odd'], {}, (path) => {
        if (path === 'odd') return 'oops';
        throw Object.assign(new Error('none'), { code: 'ENOENT' });
      });
    } catch (error) {
      problems = (error as EnvFileError).problems;
    }
    expect(problems).toEqual(['missing cannot be read (ENOENT)', 'odd:1 is not NAME=value']);
  });

  it('may be empty', () => {
    expect(read({ f: '', g: '# nothing\n\n' }).values).toEqual({});
  });
});
