/** Where a command prints. With `--json`, stdout carries exactly one JSON document and everything else goes to stderr. */
import type { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import type { Env } from '../../config/reader.ts';
import { sanitize, toJson } from './sanitize.ts';

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Streams {
  readonly env: Env;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

/** For text that people read. */
export interface Output {
  readonly stream: Terminal;
  readonly colors: Colors;
  /** Appends a newline, and replaces what would control the terminal, except colours. */
  readonly print: (text: string) => void;
}

export function openOutput({ env, stdout, stderr }: Streams, json = false): Output {
  const stream = json ? stderr : stdout;
  return {
    stream,
    colors: chooseColors(stream, env),
    print: (text) => writeText(stream, `${text}\n`),
  };
}

/** For notices and errors: appends nothing. */
export function writeText(stream: Terminal, text: string): void {
  stream.write(sanitize(text));
}

/** Resolves when everything that was written has been handed over, or has failed. */
export function flushed(stream: Terminal): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

export function printJson({ stdout }: Pick<Streams, 'stdout'>, document: unknown): void {
  stdout.write(`${toJson(document, 2)}\n`);
}

function chooseColors(stream: Terminal, env: Env): Colors {
  const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stream.isTTY === true && env.TERM !== 'dumb';
  return pc.createColors(wanted && !env.NO_COLOR);
}

/**
 * Draws over the same line again; an empty text clears it. Prints nothing if the output is not a terminal. A text that is wider
 * than the terminal is cut, because only one of its lines could be cleared.
 */
export function createLineDrawer({ stream }: Pick<Output, 'stream'>): (text: string) => void {
  let drawn = '';
  return (text) => {
    if (!stream.isTTY || text === drawn) return;
    stream.write(`${CLEAR_LINE}${cut(sanitize(text), (stream.columns ?? 80) - 1)}`);
    drawn = text;
  };
}

function cut(line: string, columns: number): string {
  const visible = stripVTControlCharacters(line);
  return visible.length <= columns ? line : `${visible.slice(0, Math.max(0, columns - 1))}…`;
}

const CLEAR_LINE = '\r\u001b[2K';
