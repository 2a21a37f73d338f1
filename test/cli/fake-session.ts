/** A session with a fake ledger and a fake client. */
import type { Session } from '../../src/cli/cli.ts';
import type { StageOptions } from '../../src/client/staging.ts';
import type { CxflowClient, Started } from '../../src/client.ts';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import type { ListLoadInput } from '../../src/contract/list-load.ts';
import type { Decision } from '../../src/contract/steering.ts';
import { NOTHING_MEASURED } from '../../src/domain/metrics.ts';
import type { Counts } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { each, fakeRun, noAnswers } from '../harness/fake-run.ts';

export const COUNTS: Counts = { total: 10, pending: 0, created: 8, invalid: 2 };

export interface FakeState {
  readonly started?: { input: ContactImportInput; options: { runId?: string } }[];
  readonly loads?: { input: ListLoadInput; options: { runId?: string } }[];
  readonly emails?: { input: EmailSendInput; options: { runId?: string } }[];
  /** Rows that the client was given to stage. */
  readonly rows?: object[];
  /** What the client was given to stage a file. */
  readonly staged?: StageOptions[];
  readonly decided?: Decision[];
  readonly run?: Run | undefined;
  readonly counts?: Counts;
  readonly status?: Started['status'];
  readonly refuse?: Error;
}

export function fakeSession({
  started = [],
  loads = [],
  emails = [],
  rows: stagedRows = [],
  staged = [],
  decided = [],
  run: known,
  counts = COUNTS,
  status = 'started',
  refuse,
}: FakeState): Partial<Session> {
  const client = {
    stageFile: (_: string, options: StageOptions) => {
      staged.push(options);
      return Promise.resolve({
        ...{ source: { dataset: 'ds_1' }, rows: 10, bytes: 1, sha256: 'x', encoding: 'utf-8' },
      });
    },
    startContactImport: (input: ContactImportInput, options: { runId?: string }) => {
      started.push({ input, options });
      return Promise.resolve({ runId: options.runId ?? 'r1', status, result: null });
    },
    startListLoad: (input: ListLoadInput, options: { runId?: string }) => {
      loads.push({ input, options });
      return Promise.resolve({ runId: options.runId ?? 'r1', status, result: null });
    },
    startEmailSend: (input: EmailSendInput, options: { runId?: string }) => {
      emails.push({ input, options });
      return Promise.resolve({ runId: options.runId ?? 'r1', status, result: null });
    },
    stageRows: (rows: Iterable<object>) => {
      stagedRows.push(...rows);
      return Promise.resolve({ source: { dataset: 'ds_1' }, rows: stagedRows.length });
    },
    decide: (_: string, decision: Decision) => {
      decided.push(decision);
      if (refuse) return Promise.reject(refuse);
      const { whenPlanned, by, planHash } = decision;
      return Promise.resolve(
        whenPlanned ? { phase: 'staging', keptApproval: { by, planHash } } : { phase: 'writing' },
      );
    },
  };
  const ledger = {
    runs: {
      find: (runId: string) => Promise.resolve(known && { ...known, run_id: runId }),
      listIds: () => Promise.resolve([]),
      counts: () => Promise.resolve(counts),
      countsOf: (runNos: readonly number[]) => Promise.resolve(runNos.map(() => counts)),
      count: () => Promise.resolve(0),
      list: () => Promise.resolve(known ? [known] : []),
    },
    metrics: { ofRun: () => Promise.resolve(NOTHING_MEASURED) },
    rateBudget: { list: () => Promise.resolve([]) },
    records: {
      countReasons: () => Promise.resolve([]),
      hasCxoneIds: () => Promise.resolve(false),
      list: () => each([]),
    },
    answers: noAnswers,
    audit: {
      list: () => each([]),
      verify: () =>
        Promise.resolve({
          entries: 3,
          unsealed: 0,
          head: 'h',
          finding: { seq: 2, what: 'entry 2 was changed' },
        }),
    },
  };
  return {
    config: { cxone: { contactListId: null }, sourceLimits: {} } as Session['config'],
    ledger: ledger as unknown as Session['ledger'],
    client: () => Promise.resolve(client as unknown as CxflowClient),
    executions: {
      status: () => Promise.resolve('unknown'),
      failure: () => Promise.resolve(null),
      findWorker: () => Promise.resolve('answers'),
    },
    link: () => null,
  };
}

export const finished = (change: Partial<Run> = {}) =>
  fakeRun({
    run_id: 'r1',
    state: 'completed',
    phase: 'done',
    finished_at: new Date('2026-03-01T10:00:12Z'),
    ...change,
  });
