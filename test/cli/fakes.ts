/** A command line without servers: keeps what it prints, and opens the session that the test gives it. */
import { Readable, Writable } from 'node:stream';
import type { Cli, Session } from '../../src/cli/cli.ts';
import { CLI_OPERATIONS } from '../../src/cli/operations.ts';
import type { Terminal } from '../../src/cli/terminal/output.ts';

export interface FakeCli extends Cli {
  readonly out: () => string;
  readonly err: () => string;
  /** Whether the command closed its session. */
  readonly isClosed: () => boolean;
}

export function fakeCli(session: Partial<Session> = {}, overrides: Partial<Cli> = {}): FakeCli {
  const [stdout, stderr] = [sink(), sink()];
  let closed = false;
  const close = () => Promise.resolve(void (closed = true));
  return {
    env: {},
    envOrigins: new Map(),
    cwd: '/work',
    stdin: Readable.from([]),
    stackDir: '/nowhere/.cxflow',
    command: 'cxflow',
    login: 'dana',
    operations: CLI_OPERATIONS,
    openSession: () => Promise.resolve({ ...session, close } as Session),
    ...overrides,
    stdout: stdout.stream,
    stderr: stderr.stream,
    out: stdout.text,
    err: stderr.text,
    isClosed: () => closed,
  };
}

export function sink(terminal: { isTTY?: boolean; columns?: number } = {}) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream: Object.assign(stream, terminal) as Terminal, text: () => text };
}
