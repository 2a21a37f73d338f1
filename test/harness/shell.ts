/** A shell that runs the commands of the documentation as they are printed, in the folder and the environment of a stand. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { expect } from 'vitest';
import { findTemporal } from '../../src/stack/temporal-binary.ts';
import { type Ended, endOf, type Stand } from '../scenarios/stand.ts';
import { commandsIn, printedBlocks } from './printed.ts';
import { bareEnvironment, type Processes, type TestProcess } from './processes.ts';
import { ROOT } from './texts.ts';

export interface PrintedShell {
  /** Starts a command; `values`: what stands for the placeholders in it, such as RUN. */
  readonly start: (printed: string, values?: Readonly<Record<string, string>>) => TestProcess;
  /** Runs it until it exits. */
  readonly run: (printed: string, values?: Readonly<Record<string, string>>) => Promise<Ended>;
  /** Commands of the page that were not started yet. */
  readonly left: () => readonly string[];
}

/** `page`: that of the commands; a command that is not printed there is an error. */
export async function openShell(processes: Processes, stand: Stand, page: string): Promise<PrintedShell> {
  const programs = join(stand.folder, 'programs');
  mkdirSync(programs);
  const command = join(programs, 'cxflow');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/cxflow.js')}' "$@"\n`);
  chmodSync(command, 0o755);
  const path = [programs, dirname(await findTemporal()), bareEnvironment().PATH].join(delimiter);
  const printed = printedBlocks(page, 'sh').flatMap(commandsIn);
  const left = new Set(printed);
  const start: PrintedShell['start'] = (each, values = {}) => {
    if (!printed.includes(each)) throw new Error(`${page} does not print ${each}`);
    left.delete(each);
    const text = Object.entries(values).reduce((rest, [name, value]) => rest.replaceAll(name, value), each);
    const env = { ...stand.env, PATH: path, CXFLOW_FROM: 'dist' };
    return processes.run('sh', ['-c', text], { cwd: stand.folder, env });
  };
  return { start, run: (each, values) => endOf(start(each, values)), left: () => [...left] };
}

/** Runs a command of the page until it exits. Fails with what the command has printed. */
export async function succeeds(
  shell: PrintedShell,
  command: string,
  values?: Readonly<Record<string, string>>,
): Promise<string> {
  const { code, stdout, stderr } = await shell.run(command, values);
  expect(code, `${command}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}
