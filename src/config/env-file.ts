/**
 * Files of settings: `NAME=value` in each line, in the syntax of `node --env-file` (docs/settings.md#files-of-settings). Node's
 * parser skips what it does not understand, and ends a value at a # or a quote in it; here that is an error, because a setting
 * that is silently missing or cut short would surface hours later, or never.
 */
import { parseEnv } from 'node:util';
import { SETTINGS, variablesOf } from './catalogue.ts';
import type { Env, ReadFile } from './reader.ts';

/** A file cannot be read, or has lines that are no settings. `problems` has one line for each; none contains a value. */
export class EnvFileError extends Error {
  override readonly name = 'EnvFileError';
  readonly problems: readonly string[];
  readonly next =
    'write NAME=value, with quotes around a value that has spaces or #, and with quotes of another kind around one that has ' +
    'a quote; a comment begins with a blank and #';
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

/** Node.js 20 takes a tab for a part of the name or the value. */
const ASSIGNMENT = /^ *(?:export )?([a-z_]\w*) *= *(?!\s)/i;

function readEnvFile(path: string, readFile: ReadFile, problems: string[]): EnvFile {
  const text = readText(path, readFile, problems);
  const lines = findAssignments(text, (line, what) => problems.push(`${path}:${line} ${what}`));
  const parsed = parseEnv(text);
  return { path, lines, values: new Map([...lines.keys()].map((name) => [name, parsed[name] ?? ''])) };
}

/** The line of each variable, from 1. */
function findAssignments(
  text: string,
  report: (line: number, what: string) => void,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (/^\s*(#|$)/.test(line)) continue;
    const [start = '', name] = ASSIGNMENT.exec(line) ?? [];
    if (name === undefined) {
      report(at + 1, 'is not NAME=value');
      continue;
    }
    found.set(name, at + 1);
    const value = measureValue(lines.slice(at).join('\n'), start.length);
    if ('problem' in value) report(at + 1, `${name} ${value.problem}`);
    else at += value.moreLines;
  }
  return found;
}

/** How far the value extends behind the first line of `text`, or why Node would take only a part of what is written there. */
function measureValue(
  text: string,
  start: number,
): { readonly moreLines: number } | { readonly problem: string } {
  const quote = /["'`]/.exec(text.charAt(start))?.[0];
  if (quote === undefined)
    return /^[^#\n]*[^# \t\n]#/.test(text)
      ? { problem: 'has a # in a value without quotes' }
      : { moreLines: 0 };
  const end = text.indexOf(quote, start + 1);
  const valueLines = text.slice(start, end).split('\n');
  if (end < 0 || valueLines.slice(1).some(isSetting)) return { problem: 'has a quote that is not closed' };
  return /^[ \t]*(#|\n|$)/.test(text.slice(end + 1))
    ? { moreLines: valueLines.length - 1 }
    : { problem: 'has text after the closing quote' };
}

const VARIABLES = new Set(SETTINGS.flatMap(variablesOf));

/** A value may have several lines, as a certificate has, but none of them is another setting. */
function isSetting(line: string): boolean {
  return VARIABLES.has(ASSIGNMENT.exec(line)?.[1] ?? '');
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
