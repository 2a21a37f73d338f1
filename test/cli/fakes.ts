/** A command line without servers: keeps what it prints, and opens the session that the test gives it. */
import { Writable } from 'node:stream';
import type { Cli, Session } from '../../src/cli/cli.ts';
import { CLI_OPERATIONS } from '../../src/cli/operations.ts';
import type { Terminal } from '../../src/cli/terminal/output.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';

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
    cwd: '/work',
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

export function fakeRun(change: Partial<Run> = {}): Run {
  return {
    run_no: 1,
    run_id: 'contact-import:L1:abc',
    kind: 'contactImport',
    target: 'L1',
    business_key: null,
    again: false,
    dry_run: false,
    state: 'running',
    phase: 'writing',
    steering: 'go',
    waiting_for: null,
    requested_by: 'dana',
    input: {},
    source: null,
    staged_through: 0,
    total: null,
    plan: null,
    plan_hash: null,
    started_at: new Date('2026-03-01T10:00:00Z'),
    finished_at: null,
    result: null,
    failure: null,
    staged_counts: null,
    cancelled_records: 0,
    ...change,
  };
}

export async function* each<T>(items: Iterable<T>): AsyncIterable<T> {
  await Promise.resolve();
  yield* items;
}
