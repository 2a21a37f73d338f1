/** Files that commands read and write: what is wrong with them is said before any work is done, and nothing half is left. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { createProgram } from '../../src/cli/program.ts';
import { writeWholeFile } from '../../src/cli/terminal/output-stream.ts';
import type { StageOptions } from '../../src/client/staging.ts';
import { createStagingClient } from '../../src/client/staging.ts';
import { OPERATIONS } from '../../src/contract/operations.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';

const folder = mkdtempSync(join(tmpdir(), 'cxflow-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const temporary = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => /^cxflow-......$/.test(name));

describe('a file that a command writes', () => {
  const out = (path: string): readonly (readonly string[])[] => [
    ['records', 'r1', '--out', path],
    ['report', 'r1', '--html', path],
    ['metrics', '--html', path],
    ['suppressions', 'export', '--out', path],
  ];
  writeFileSync(at('file'), 'before');
  it.each([
    [folder, /cannot be written: this is a folder/],
    [at('none/x.csv'), /cannot be written: there is no such folder/],
    [at('file/x.csv'), /cannot be written: a part of its path is a file/],
    [at('x'.repeat(300)), /cannot be written: its name is too long/],
  ])('is refused before the ledger is opened: %s', async (path, message) => {
    for (const argv of [...out(path), ['preferences', 'check', at('file'), '--out', at('none')]]) {
      const openSession = () => Promise.reject(new Error('opened'));
      const session = argv[0] === 'preferences' ? {} : { openSession };
      const cli = fakeCli(fakeSession({ run: finished() }), session);
      expect(await run(argv, cli), argv.join(' ')).toBe(2);
      expect(cli.err()).toMatch(argv[0] === 'preferences' ? /there is no such folder/ : message);
    }
  });

  it('keeps what was there if the disk becomes full, and leaves no draft', async () => {
    writeFileSync(at('kept.csv'), 'before');
    async function* full(): AsyncIterable<string> {
      yield await Promise.resolve('half a ');
      throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', syscall: 'write' });
    }
    const before = readdirSync(folder);
    await expect(writeWholeFile(at('kept.csv'), full())).rejects.toThrow(
      /kept\.csv was not written: the disk is full\. Nothing of it is left; what had this name before is unchanged/,
    );
    expect(readFileSync(at('kept.csv'), 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(before);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'may be a device, which stays one, and a link, which stays one',
    async () => {
      await writeWholeFile('/dev/null', ['x']);
      await expect(writeWholeFile('/dev/full', ['x'])).rejects.toThrow(
        '/dev/full was not written: the disk is full',
      );
      expect(readdirSync('/dev').filter((name) => name.endsWith('.part'))).toEqual([]);
      symlinkSync(at('real.csv'), at('link.csv'));
      writeFileSync(at('real.csv'), 'before');
      await writeWholeFile(at('link.csv'), ['after']);
      expect(readFileSync(at('real.csv'), 'utf8')).toBe('after');
    },
  );
});

describe('a file that a command reads', () => {
  it('is no folder, whatever its name', async () => {
    const client = createStagingClient({ ledger: {} as never, operations: OPERATIONS });
    await expect(client.stageFile(folder)).rejects.toThrow('this is a folder. Give a file in it');
    await expect(client.stageFile(at('none'))).rejects.toThrow('there is no such file');
    for (const argv of [
      ['selection', 'update', 'C1', folder],
      ['email', 'send', folder, '--recipients', 'x.csv'],
      ['list', 'load', 'a.csv', '--list', 'L1', '--campaign', 'C1', '--scoring', folder],
      ['resolve', 'r1', '--answers', folder],
      ['suppressions', 'import', folder],
    ]) {
      const ledger = { suppressions: {}, subjects: { keyId: () => 'k' } } as never;
      const cli = fakeCli(argv[0] === 'suppressions' ? { ...fakeSession({}), ledger } : fakeSession({}));
      expect(await run(argv, cli), argv.join(' ')).toBe(2);
      expect(cli.err()).toContain('this is a folder. Give a file in it');
    }
  });

  const started: { input: unknown }[] = [];
  /** The client keeps what it was given to stage, because nothing is left of it afterwards. */
  function stagingSession(staged: { path: string; text: string; options: StageOptions }[]): Partial<Session> {
    const session = fakeSession({ run: finished(), started: started as never });
    const client = async () => ({
      ...(await (session as Session).client()),
      stageFile(path: string, options: StageOptions) {
        staged.push({ path, text: readFileSync(path, 'utf8'), options });
        return Promise.resolve({
          source: { dataset: 'd' },
          rows: 1,
          bytes: 1,
          sha256: 'x',
          encoding: 'utf-8',
        });
      },
      startPreferenceUpdate: () => Promise.resolve({ runId: 'r1', status: 'started', result: null }),
    });
    return { ...session, client } as Partial<Session>;
  }

  it.each([
    [['contacts', 'import', '-', '--list', 'L1', '--detach'], 'csv'],
    [['contacts', 'import', '-', '--list', 'L1', '--format', 'ndjson', '--detach'], 'ndjson'],
    [['list', 'load', '-', '--list', 'L1', '--campaign', 'C1', '--detach'], 'csv'],
    [['preferences', 'update', '-', '--detach'], 'csv'],
  ])('may be standard input: %j', async (argv, format) => {
    const staged: { path: string; text: string; options: StageOptions }[] = [];
    const before = temporary();
    const cli = fakeCli(stagingSession(staged), {
      stdin: Readable.from([Buffer.from('a,b\n'), Buffer.from('1,2\n')]),
    });
    expect(await run(argv, cli), cli.err()).toBe(0);
    expect(staged).toMatchObject([{ text: 'a,b\n1,2\n', options: { format } }]);
    expect(cli.out()).toContain('standard input: 1 row');
    expect(temporary()).toEqual(before);
  });

  it('may be a message or rules on standard input, but only one file can be', async () => {
    const rules = Readable.from([Buffer.from('{"allowed": 5}')]);
    const argv = ['list', 'load', 'a.csv', '--list', 'L1', '--campaign', 'C1', '--schema', '-'];
    const cli = fakeCli(fakeSession({}), { stdin: rules });
    expect(await run(argv, cli)).toBe(2);
    expect(cli.err()).toContain('allowed');
    const both = fakeCli(fakeSession({}), {
      stdin: Readable.from([Buffer.from('{"allowed": ["phone_number"]}')]),
    });
    expect(await run([...argv.with(2, '-')], both)).toBe(2);
    expect(both.err()).toContain('standard input can be read only once');
  });
});

describe('what is wrong with a run', () => {
  const staging: unknown[] = [];
  const refusing = () => {
    const session = fakeSession({ staged: staging as never, run: finished() });
    return fakeCli(session);
  };

  it.each([
    ['contacts', 'import', 'a.csv', '--list', 'no list'],
    ['contacts', 'import', 'a.csv', '--list', 'L1', '--country', 'Narnia'],
    ['list', 'load', 'a.csv', '--list', 'L 1', '--campaign', 'C1'],
    [
      'list',
      'load',
      'a.csv',
      '--list',
      'L1',
      '--campaign',
      'C1',
      '--suppress',
      'b.csv',
      '--country',
      'Narnia',
    ],
    ['preferences', 'update', 'a.csv', '--requested-by', 'x'.repeat(300)],
    ['contacts', 'import', 'a.csv', '--list', 'L1', '--id', 'x'.repeat(300)],
  ])('is said before its file is staged: %s %s %s %s %s %s', async (...argv) => {
    expect(await run(argv, refusing())).toBe(2);
    expect(staging).toEqual([]);
  });

  const durations = listDurations(createProgram(fakeCli(), () => undefined));
  it('includes every duration', () => {
    expect(durations.length).toBeGreaterThan(12);
  });
  it.each(durations)('is a bad duration: %s %s %s %s %s', async (...argv) => {
    for (const text of ['soon', '3', '99999 days']) {
      const openSession = () => Promise.reject(new Error('no session may be opened'));
      const cli = fakeCli({}, { openSession });
      expect(await run([...argv.filter((word) => word !== ''), text], cli)).toBe(2);
      expect(cli.err()).toMatch(/must be (a duration|at most 3650 days)/);
    }
  });
});

/** Command lines that end with an option for a duration. */
function listDurations(parent: Command, path: readonly string[] = []): string[][] {
  return parent.commands.flatMap((command) => {
    const words = [...path, command.name()];
    const given = command.registeredArguments.filter(({ required }) => required).map(() => 'x');
    const found = command.options.filter(({ flags }) => flags.includes('<duration>'));
    return [...found.map(({ long }) => [...words, ...given, long ?? '']), ...listDurations(command, words)];
  });
}
