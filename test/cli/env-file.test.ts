/** `--env-file` of any command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/main.ts';
import { openSession } from '../../src/cli/session.ts';
import { fakeCli } from './fakes.ts';

const CANARY = 'canary-secret-1789';
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cxflow-env-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(...lines: readonly string[]): string {
  writeFileSync(join(folder, 'env'), lines.join('\n'));
  return 'env';
}

/** A command line in the folder of the file. */
const cliHere = (env: Record<string, string> = {}) =>
  fakeCli({}, { cwd: folder, stackDir: join(folder, '.cxflow'), env: { ...env } });

describe('--env-file', () => {
  it.each([
    ['before the command', (file: string) => ['--env-file', file, 'limits', '--json']],
    ['after the command', (file: string) => ['limits', '--json', `--env-file=${file}`]],
  ])('%s adds the settings of a file; those of the environment take precedence', async (_, argv) => {
    const file = write(
      'DATABASE_URL=postgres://nobody@127.0.0.1:1/x',
      'CXFLOW_RATE_PER_MINUTE=7',
      'CXONE_TENANT=file',
    );
    const cli = cliHere({ CXONE_TENANT: 'acme' });
    let seen: unknown;
    const openHere = () => {
      const session = openSession(cli);
      seen = [session.config.databaseUrl, session.config.ratePerMinute, session.config.cxone.tenant];
      return Promise.resolve(session);
    };
    await run(argv(file), { ...cli, openSession: openHere });
    expect(seen).toEqual(['postgres://nobody@127.0.0.1:1/x', 7, 'acme']);
  });

  it('reports a wrong value with file and line, in a worker and in the doctor, without the value of a secret', async () => {
    const file = write(
      '# production',
      'CXONE_REGION=apac',
      `CXONE_CLIENT_SECRET=${CANARY}`,
      'DATABASE_URL=postgres://localhost/x',
    );
    const worker = cliHere();
    expect(await run(['--env-file', file, 'worker'], worker)).toBe(2);
    expect(worker.err()).toContain('env:2 CXONE_REGION must be us or eu: correct it');
    expect(worker.err()).not.toContain(CANARY);
    const doctor = cliHere();
    expect(await run(['doctor', '--json', '--env-file', file], doctor)).toBe(1);
    expect(doctor.out()).toContain('env:2 CXONE_REGION must be us or eu');
    expect(doctor.out()).not.toContain(CANARY);
  });

  it('refuses a file that is not there, or has a line that is no setting, before anything is done', async () => {
    const missing = cliHere();
    expect(await run(['--env-file', 'nope', 'runs'], missing)).toBe(2);
    expect(missing.err()).toContain('cxflow: nope cannot be read (ENOENT)');
    const odd = cliHere();
    expect(await run(['runs', '--env-file', write('CXONE_REGION=us', CANARY)], odd)).toBe(2);
    expect(odd.err()).toContain('cxflow: env:2 is not NAME=value\n  → write NAME=value');
    expect(odd.err()).not.toContain(CANARY);
  });

  it('is no part of the help of a command, and listed by `cxflow --help`', async () => {
    const cli = cliHere();
    await run(['--help'], cli);
    expect(cli.out()).toContain('--env-file <file>');
    expect(cli.out()).not.toContain('default: []');
  });
});
