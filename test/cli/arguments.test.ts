/** No option or argument of any command accepts a text that could damage the ledger or the terminal. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { readJsonFile } from '../../src/cli/actions/json-file.ts';
import { readSelectionFile } from '../../src/cli/actions/selection-file.ts';
import { run } from '../../src/cli/main.ts';
import { createProgram } from '../../src/cli/program.ts';
import { selectionUpdate } from '../../src/contract/selection-update.ts';
import { POISONS } from '../contract/texts.ts';
import { fakeCli } from './fakes.ts';

interface Place {
  readonly name: string;
  readonly argv: (text: string) => readonly string[];
}

/** Every argument and every option with a value of every command, the simulator's flags included. */
function listPlaces(parent: Command, path: readonly string[] = []): Place[] {
  return parent.commands.flatMap((command) => {
    const words = [...path, command.name()];
    const given = command.registeredArguments.map(() => 'x');
    const places = command.registeredArguments.map((argument, i) => ({
      name: `${words.join(' ')} <${argument.name()}>`,
      argv: (text: string) => [...words, ...given.with(i, text)],
    }));
    const options = command.options
      .filter((option) => option.required || option.optional)
      .flatMap(({ long }) =>
        [
          (text: string) => [...words, ...given, long ?? '', text],
          (text: string) => [...words, ...given, `${long}=${text}`],
        ].map((argv, i) => ({ name: `${words.join(' ')} ${long} (${i})`, argv })),
      );
    return [...places, ...options, ...listPlaces(command, words)];
  });
}

const places = listPlaces(createProgram(fakeCli(), () => undefined));
const { mark, ...refused } = POISONS;
const texts = { ...refused, replaced: 'K\ufffdln' };

describe('every argument and option', () => {
  it('is found by this test', () => {
    const names = places.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['show <run>', 'contacts import --map (0)', 'resolve --answers (1)']),
    );
    expect(names.length).toBeGreaterThan(120);
  });

  it.each(places)('$name takes no ill-formed text', async ({ argv }) => {
    for (const [poison, text] of Object.entries(texts)) {
      const cli = fakeCli({}, { openSession: () => Promise.reject(new Error('no session may be opened')) });
      expect(await run(argv(text), cli), poison).toBe(2);
      expect(cli.err(), poison).toMatch(/must (not )?have/);
      expect(cli.err().length, poison).toBeLessThan(300);
      expect(cli.err(), poison).not.toMatch(/\0|\u0085|\u202e|\ufffd|\p{Surrogate}/u);
    }
  });

  it.each(places)('$name takes no empty text', async ({ argv }) => {
    for (const text of ['', ' \t']) {
      const cli = fakeCli({}, { openSession: () => Promise.reject(new Error('no session may be opened')) });
      expect(await run(argv(text), cli)).toBe(2);
      expect(cli.err()).toMatch(/^cxflow: (--[a-z-]+|the argument after `[a-z]+`|argument \d+) is empty/);
    }
  });

  it('names the option', async () => {
    for (const argv of [
      ['show', 'r1', '--by', 'a\0'],
      ['show', 'r1', '--by=a\0'],
    ]) {
      const cli = fakeCli();
      await run(argv, cli);
      expect(cli.err()).toMatch(/^cxflow: --by must not have a NUL character/);
    }
  });

  it('may have marks of Arabic and Hebrew text, which ids refuse later', async () => {
    const cli = fakeCli();
    await run(['nonsense', mark], cli);
    expect(cli.err()).toContain('unknown command');
  });
});

describe('a JSON file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cxflow-json-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (content: string | Buffer): string => {
    const path = join(folder, 'selection.json');
    writeFileSync(path, content);
    return path;
  };
  const problemOf = (content: string | Buffer): string => {
    try {
      const desired = readSelectionFile(write(content), 'C1');
      const checked = selectionUpdate.check({ campaignId: 'C1', ...desired });
      return 'problems' in checked ? checked.problems.join('; ') : '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const withValue = (value: string) =>
    `{"targetListIds":["L1"],"filterRules":[{"field":"a","operator":"eq","value":${value}}]}`;

  it('with invalid UTF-8 is refused with the position, and no U+FFFD is read', () => {
    const text = '{"targetListIds":\n  ["Köln"]}';
    expect(problemOf(Buffer.from(text, 'latin1'))).toMatch(
      /selection\.json: line 2 is not UTF-8 \(byte 24 of the file\)\. Save it as UTF-8/,
    );
    expect(problemOf(text)).toBe('');
    expect(problemOf(`\ufeff${text}`)).toBe('');
  });

  it.each([
    '1e999',
    '"a\\u0000"',
    '"\\ud800"',
    `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
    '12345678901234567890',
  ])('with the value %s is refused with the position', (value) => {
    expect(problemOf(withValue(value))).toMatch(/^selection\.filterRules\[0\]\.value/);
  });

  it.each([
    ['UTF-16LE with a mark', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16LE without one', (text: string) => Buffer.from(text, 'utf16le')],
    ['UTF-16BE', (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-8 with a mark', (text: string) => Buffer.from(`\ufeff${text}`)],
  ])('in %s is read', (_, encode) => {
    const text = '{"targetListIds":\r\n ["L1", "Köln"]}';
    expect(readJsonFile(write(encode(text)))).toEqual({ targetListIds: ['L1', 'Köln'] });
  });

  it('with a key that is there twice is refused with both lines', () => {
    expect(
      problemOf('{\n"targetListIds": ["L1"],\n"exclusionListIds": ["X"],\r\n"exclusionListIds": []}'),
    ).toMatch(/selection\.json: exclusionListIds is there twice \(lines 3 and 4\); keep one of them$/);
    expect(problemOf('{"add": {"targetListIds": ["L1"]}, "\\u0061dd": {}}')).toContain('add is there twice');
    const twice =
      '{"targetListIds":["L1"],"filterRules":[{"field":"a","operator":"eq","value":{"x":1,"x":1}}]}';
    expect(problemOf(twice)).toContain('filterRules[0].value.x is there twice (lines 1 and 1)');
  });

  it('keeps the digits and the type of a value, or is refused', () => {
    expect(problemOf(withValue('0.12345678901234567890'))).toMatch(
      /filterRules\[0\]\.value \(line 1\) has more digits than a JSON number keeps; put it in quotes/,
    );
    for (const value of [
      '"00901"',
      '901',
      '0',
      '-0.5',
      'false',
      'null',
      '["01","1"]',
      '9007199254740991',
      '1.5e3',
    ])
      expect(problemOf(withValue(value)), value).toBe('');
  });

  it('that is larger than an input may be is refused before it is parsed', () => {
    expect(() => readJsonFile(write(Buffer.alloc(1_000_001, 0x20)))).toThrow(
      /has 1,000,001 bytes; at most 1,000,000 fit/,
    );
  });

  it('that is broken or missing is refused', () => {
    expect(problemOf('{')).toContain('is not JSON');
    expect(() => readJsonFile(join(folder, 'nowhere.json'))).toThrow(/there is no such file/);
  });
});
