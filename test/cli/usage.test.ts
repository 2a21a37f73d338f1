/** Help and usage errors of the commands. */
import { describe, expect, it } from 'vitest';
import type { CliOperation } from '../../src/cli/cli.ts';
import { run } from '../../src/cli/main.ts';
import { CLI_OPERATIONS } from '../../src/cli/operations.ts';
import { OPERATIONS } from '../../src/contract/operations.ts';
import { STEERING_ACTIONS } from '../../src/contract/steering.ts';
import { fakeSession, finished } from './fake-session.ts';
import { fakeCli } from './fakes.ts';
import { listCommands } from './list-commands.ts';

const GUID = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

describe('cxflow', () => {
  it('without arguments lists the commands in groups, with a first example', async () => {
    const cli = fakeCli();
    expect(await run([], cli)).toBe(0);
    expect(cli.out()).toMatch(/Operations:[\s\S]*Decide about a run:[\s\S]*cxflow demo/);
    expect(cli.out()).not.toMatch(/^Commands:/m);
  });

  const commands = listCommands().filter(({ isGroup }) => !isGroup);

  it('has the commands whose examples are checked here', () => {
    const names = commands.map(({ words }) => words.join(' '));
    expect(names).toEqual(expect.arrayContaining(['contacts import', 'audit', 'audit verify', 'migrate']));
    expect(names.length).toBeGreaterThan(25);
  });

  it.each(STEERING_ACTIONS)('%s --help shows examples that work', async (action) => {
    const help = fakeCli();
    await run([action, '--help'], help);
    const shown = [...help.out().matchAll(/^ {2}cxflow (.+)$/gm)].map(([, line = '']) => splitWords(line));
    expect(shown.length).toBeGreaterThan(1);
    for (const argv of shown) {
      const cli = fakeCli(fakeSession({}));
      expect(await run(argv, cli), cli.err()).toBe(0);
    }
  });

  it.each(commands.map(({ words }) => ({ name: words.join(' '), words })))(
    '$name --help shows examples',
    async ({ words }) => {
      const cli = fakeCli();
      expect(await run([...words, '--help'], cli)).toBe(0);
      expect(cli.out()).toMatch(/Examples:\n {2}# /);
    },
  );

  it.each([
    [['nonsense'], 'unknown command'],
    [['runs', '--nonsense'], 'unknown option'],
    [['runs', '--limit', 'many'], 'whole number'],
    [['show'], "missing required argument 'run'"],
    [['contacts', 'import'], 'give either a FILE'],
    [['contacts', 'import', 'c.csv', '--retry-of', 'r0'], 'give either a FILE'],
    [
      ['contacts', 'import', 'c.csv', '--list', 'L1', '--existing', 'maybe'],
      'Allowed choices are skip, update',
    ],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--map', 'phone'], 'field=column'],
    [['contacts', 'import', 'c.csv'], 'the contact list is missing'],
    [
      ['contacts', 'import', 'c.csv', '--list', 'L1', '--policy', 'strict'],
      '--policy needs --require-consent',
    ],
    [['contacts', 'import', '--retry-of', 'r0', '--map', 'phone=Tel'], 'apply to a FILE'],
    [['contacts', 'import', 'c.csv', '--list', 'L1', '--encoding', 'ebcdic'], 'Allowed choices are utf-8'],
    [['preferences', 'update'], 'give either a FILE'],
    [['preferences', 'check'], 'give either a FILE'],
    [['preferences', 'check', '--contact', GUID], 'the channel is missing'],
    [['preferences', 'check', '--contact', 'x', '--channel', 'sms'], 'It must be a GUID'],
    [['preferences', 'history', '--contact', 'x'], 'It must be a GUID'],
    [['preferences', 'check', 'a.csv', '--contact', GUID], 'give either a FILE'],
    [['preferences', 'check', '--contact', GUID, '--channel', 'fax'], 'Allowed choices'],
    [['erase'], "required option '--contact <id>'"],
    [['resolve', 'r1'], 'add --resend or --leave'],
    [['resolve', 'r1', '--resend', '--leave'], 'cannot be used with'],
    [['records', 'r1', '--outcome', 'lost'], 'Allowed choices'],
  ])('%j is wrong usage: exit code 2 and a message on stderr only', async (argv, message) => {
    const cli = fakeCli(fakeSession({}));
    expect(await run(argv, cli)).toBe(2);
    expect(cli.err()).toContain(message);
    expect(cli.out()).toBe('');
  });

  it.each([
    [['nonsense'], 'cxflow --help'],
    [['runs', '--nonsense'], 'cxflow runs --help'],
    [['contacts', 'import'], 'cxflow contacts import --help'],
  ])('after %j suggests %s', async (argv, suggestion) => {
    const cli = fakeCli(fakeSession({}));
    await run(argv, cli);
    expect(cli.err()).toContain(`→ see \`${suggestion}\``);
  });

  it('offers every operation', () => {
    expect(CLI_OPERATIONS.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
  });

  it('offers a further operation that is registered in one line', async () => {
    const tagContacts: CliOperation = {
      kind: 'tagContacts',
      addCommands: (parent, _cli, finish) =>
        parent
          .command('tags')
          .summary('tag contacts')
          .action(() => finish(0)),
      retry: { command: 'tags', what: 'retry the contacts that were not tagged' },
    };
    const session = fakeSession({
      run: finished({ kind: 'tagContacts' }),
      counts: { total: 1, pending: 0, rejected: 1 },
    });
    const cli = fakeCli(session, { operations: [...CLI_OPERATIONS, tagContacts] });
    expect(await run(['--help'], cli)).toBe(0);
    expect(cli.out()).toMatch(/tags +tag contacts/);
    expect(await run(['tags'], cli)).toBe(0);
    await run(['watch', 'r1'], cli);
    expect(cli.out()).toContain('cxflow tags --retry-of r1');
  });

  it('refuses two formats at once', async () => {
    const cli = fakeCli(fakeSession({}));
    expect(await run(['records', 'r1', '--json', '--format', 'csv'], cli)).toBe(2);
    expect(cli.err()).toContain('exclude each other');
  });

  it('prints errors as one JSON document with --json', async () => {
    const cli = fakeCli(fakeSession({}));
    expect(await run(['show', 'r1', '--json'], cli)).toBe(2);
    expect(JSON.parse(cli.out())).toMatchObject({
      error: { type: 'RunNotFound', message: expect.stringContaining('r1') as string },
    });
    expect(cli.isClosed()).toBe(true);
  });
});

/** As a shell does, for words with and without double quotes. */
function splitWords(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
