/**
 * Files of settings: `NAME=value` in each line, in the syntax of `node --env-file` (docs/settings.md#files-of-settings). Node's
 * parser skips what it does not understand; here that is an error, because a setting that is silently missing would surface
 * hours later, or never.
 */
import { parseEnv } from 'node:util';
import { SETTINGS, variablesOf } from './catalogue.ts';
import type { Env, ReadFile } from './reader.ts';

/** A file cannot be read, or has lines that are no settings. `problems` has one line for each; none contains a value. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';
  readonly problems: readonly string[];
  readonly next =
    'write NAME=value, with quotes around a value that has spaces or #; a comment begins with #';
  constructor(problems: readonly string[]) {
    super(`a file of settings has ${problems.length} problem(s): ${problems.join('; ')}`);
    this.problems = problems;
  }
}

export interface EnvFiles {
  /** What the files add to the environment. */
  readonly values: Readonly<Record<string, string>>;
  /** Where each of them is from: `file:line`. */
  readonly origins: ReadonlyMap<string, string>;
}

interface EnvFile {
  readonly path: string;
  readonly values: ReadonlyMap<string, string>;
  /** From 1. */
  readonly lines: ReadonlyMap<string, number>;
}

/**
 * The environment takes precedence over the files, and a later file over an earlier one. That holds for a setting, whichever of
 * its names is used: a secret in a file does not replace one in the environment that is given as NAME_FILE. Throws
 * EnvFileError with every problem of all files.
 */
export function readEnvFiles(paths: readonly string[], env: Env, readFile: ReadFile): EnvFiles {
  const problems: string[] = [];
  const values = new Map<string, string>();
  const origins = new Map<string, { readonly path: string; readonly line: number }>();
  for (const path of paths) {
    const file = readEnvFile(path, readFile, problems);
    for (const [name, value] of file.values) {
      const names = namesOf(name);
      if (names.some((each) => env[each]?.trim())) continue;
      for (const each of names) if (origins.get(each)?.path !== path) values.delete(each);
      values.set(name, value);
      origins.set(name, { path, line: file.lines.get(name) ?? 1 });
    }
  }
  if (problems.length > 0) throw new EnvFileError(problems);
  return {
    values: Object.fromEntries(values),
    origins: new Map([...origins].map(([name, { path, line }]) => [name, `${path}:${line}`])),
  };
}

/** All names of the setting that this variable belongs to. */
function namesOf(variable: string): readonly string[] {
  const setting = SETTINGS.find((each) => variablesOf(each).includes(variable));
  return setting ? variablesOf(setting) : [variable];
}

const ASSIGNMENT = /^\s*(?:export\s+)?([a-z_]\w*)\s*=/i;

function readEnvFile(path: string, readFile: ReadFile, problems: string[]): EnvFile {
  const text = readText(path, readFile, problems);
  const values = new Map(Object.entries(parseEnv(text)).map(([name, value = '']) => [name, value]));
  // Its last line also has the closing quote.
  const inside = new Set([...values.values()].flatMap((value) => value.split('\n').slice(1)));
  const lines = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const name = ASSIGNMENT.exec(line)?.[1];
    if (name !== undefined) lines.set(name, index + 1);
    else if (!inside.has(line.replace(/["'`][^"'`]*$/, '')))
      problems.push(`${path}:${index + 1} is not NAME=value`);
  }
  for (const [name, value] of values)
    if (swallowsSetting(value))
      problems.push(`${path}:${lines.get(name) ?? 1} ${name} has a quote that is not closed`);
  return { path, values, lines };
}

function readText(path: string, readFile: ReadFile, problems: string[]): string {
  try {
    return readFile(path)
      .replace(/^\uFEFF/, '')
      .replaceAll('\r\n', '\n');
  } catch (error) {
    problems.push(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`);
    return '';
  }
}

const VARIABLES = new Set(SETTINGS.flatMap(variablesOf));

/** A value may have several lines, as a certificate has, but none of them is another setting. */
function swallowsSetting(value: string): boolean {
  return value
    .split('\n')
    .slice(1)
    .some((line) => VARIABLES.has(ASSIGNMENT.exec(line)?.[1] ?? ''));
}
