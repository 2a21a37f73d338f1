/** Where a command prints. With `--json`, stdout carries exactly one JSON document and everything else goes to stderr. */
import type { Writable } from 'node:stream';
import pc from 'picocolors';
import type { Env } from '../../config/reader.ts';

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
  /** Appends a newline. */
  readonly print: (text: string) => void;
}

export function openOutput({ env, stdout, stderr }: Streams, json = false): Output {
  const stream = json ? stderr : stdout;
  return { stream, colors: chooseColors(stream, env), print: (text) => void stream.write(`${text}\n`) };
}

export function printJson({ stdout }: Pick<Streams, 'stdout'>, document: unknown): void {
  stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

function chooseColors(stream: Terminal, env: Env): Colors {
  const wanted = env.FORCE_COLOR ? env.FORCE_COLOR !== '0' : stream.isTTY === true && env.TERM !== 'dumb';
  return pc.createColors(wanted && !env.NO_COLOR);
}

/** Draws over the same line again; an empty text clears it. Prints nothing if the output is not a terminal. */
export function createLineDrawer({ stream }: Pick<Output, 'stream'>): (text: string) => void {
  let drawn = '';
  return (text) => {
    if (!stream.isTTY || text === drawn) return;
    stream.write(`${CLEAR_LINE}${text}`);
    drawn = text;
  };
}

const CLEAR_LINE = '\r\u001b[2K';
