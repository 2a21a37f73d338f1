/** What every command is given: streams, settings of the caller, the operations, and a way to open a session. */
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Executions } from '../client/executions.ts';
import type { CxflowClient } from '../client.ts';
import type { Config } from '../config/config.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Run } from '../ledger/runs/runs.ts';
import type { Explanation } from '../queries/record-files.ts';
import type { ExitCode } from './exit-codes.ts';
import type { EndedRun, Retry, Step } from './render/next-steps.ts';
import type { PlanDetails, PlanFigures } from './render/plan.ts';
import type { Fact } from './render/run-parts.ts';
import type { SampleMessage } from './render/sample-messages.ts';
import type { OperationReport } from './render/sections.ts';
import { operationName } from './terminal/format.ts';
import type { Streams, Terminal } from './terminal/output.ts';

export interface Cli extends Streams {
  /** The environment. `--env-file` adds to it before a command runs. */
  readonly env: Record<string, string | undefined>;
  /** For each variable that is from a file: `file:line`. */
  readonly envOrigins: Map<string, string>;
  readonly stdin: Readable;
  readonly cwd: string;
  /** The folder that holds the data and the addresses of the embedded stack. */
  readonly stackDir: string;
  /** How the user calls the program: `cxflow`, or `npx cxflow` in a clone. */
  readonly command: string;
  /** Asks a question, on stdout by default; null if it was not answered. Absent unless both ends are a terminal. */
  readonly ask?: (question: string, signal: AbortSignal, stream?: Terminal) => Promise<string | null>;
  /** The default of `--by` and `--requested-by`. */
  readonly login: string;
  readonly operations: readonly CliOperation[];
  /**
   * Waits until the ledger is prepared. Connects to Temporal only when that is needed. Throws ConfigError, MissingAddress,
   * NotMigrated, OtherTenant.
   */
  readonly openSession: () => Promise<Session>;
}

/** It shares the ledger of its session. */
export type SessionClient = Omit<CxflowClient, 'ledger' | 'close'>;

/** The servers that the environment names, or those of the stack that runs in this folder. */
export interface Session {
  readonly config: Config;
  readonly ledger: Ledger;
  /** Connects to Temporal on the first call. Throws Unreachable, after which the next call tries again. */
  readonly client: () => Promise<SessionClient>;
  readonly executions: Executions;
  /** The run in Temporal's Web UI, if its address is known. */
  readonly link: (runId: string) => string | null;
  readonly close: () => Promise<void>;
}

export async function withSession<T>(cli: Cli, use: (session: Session) => Promise<T>): Promise<T> {
  const session = await cli.openSession();
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

/**
 * Adds a command to its parent and passes the exit code of its action to `finish`. It may import what describes the
 * command; everything else is imported by the action when it runs, so that `--help` stays fast.
 */
export type AddCommand = (parent: Command, cli: Cli, finish: (code: ExitCode) => void) => void;

/** What the command line has to know about an operation. */
export interface CliOperation {
  /** As in contract/operations.ts. */
  readonly kind: string;
  /** Adds the command that starts the operation, and those that belong to it. */
  readonly addCommands: AddCommand;
  /** Absent if an ended run leaves nothing that another run could take over. */
  readonly retry?: Retry;
  /** Replaces the steps that are suggested after a run of many records. */
  readonly stepsAfterRun?: (ended: EndedRun, command: string) => readonly Step[];
  /**
   * What its result asks a person to see to, although no outcome of a record says so. It comes first among the steps, and is a
   * reason for exit code 3.
   */
  readonly followUps?: (ended: EndedRun, command: string) => readonly Step[];
  /** What its result says that those of other operations do not, as it is stored in the ledger. */
  readonly facts?: (result: unknown) => readonly Fact[];
  /** What its plan says that those of other operations do not: `figures` and `outlook` of the plan, as its contract defines them. */
  readonly planFigures?: (figures: unknown, outlook: unknown) => PlanFigures;
  /** A record as it is written, with every value hidden that may identify somebody: a sample of what a plan writes. */
  readonly maskRecord?: (record: unknown) => readonly Fact[];
  /** What recipients will read, for operations that send messages; `hideValues`: for what is passed on to others. */
  readonly sampleMessages?: (
    records: readonly unknown[],
    input: unknown,
    hideValues: boolean,
  ) => Promise<readonly SampleMessage[]>;
  /** What becomes of the records after they were written; null: nothing was written yet. */
  readonly readReport?: (ledger: Ledger, run: Run) => Promise<OperationReport | null>;
  /** How far the run is in the phase `tracking`, in a few words. */
  readonly readProgress?: (ledger: Ledger, run: Run) => Promise<string>;
  /** Adds columns to exported records, e.g. what a record was ranked by, or what it waits for. */
  readonly explainRecords?: (ledger: Ledger, run: Run) => Promise<Explanation>;
}

/** What the operation of a run adds to what is shown of it; nothing before it has ended. */
export function listFacts(
  { operations }: Pick<Cli, 'operations'>,
  run: { readonly kind: string; readonly result: unknown },
): readonly Fact[] {
  const operation = operations.find(({ kind }) => kind === run.kind);
  return run.result === null ? [] : (operation?.facts?.(run.result) ?? []);
}

/** What the operation of a run reports beyond its records. */
export async function readOperationReport(
  { operations }: Pick<Cli, 'operations'>,
  ledger: Ledger,
  runId: string,
): Promise<OperationReport | null> {
  const run = await ledger.runs.find(runId);
  const operation = operations.find(({ kind }) => kind === run?.kind);
  return (run && (await operation?.readReport?.(ledger, run))) ?? null;
}

const SAMPLES = 5;
const SAMPLE_MESSAGES = 3;

/**
 * What the operation of a run adds to its plan, and samples of its records if it can mask them. `hideValues`: for what is passed
 * on to others.
 */
export async function readPlanDetails(
  { operations }: Pick<Cli, 'operations'>,
  { runs, reports }: Pick<Ledger, 'runs' | 'reports'>,
  runId: string,
  { hideValues = false } = {},
): Promise<PlanDetails> {
  const run = await runs.find(runId);
  if (!run) return { samples: [] };
  const operation = operations.find(({ kind }) => kind === run.kind);
  const { planFigures, maskRecord, sampleMessages }: Partial<CliOperation> = operation ?? {};
  const { figures, outlook } = (run.plan ?? {}) as { readonly figures?: unknown; readonly outlook?: unknown };
  return {
    ...(planFigures && figures !== undefined && { figures: planFigures(figures, outlook) }),
    samples: maskRecord ? (await reports.samples(run.run_no, SAMPLES)).map(maskRecord) : [],
    ...(sampleMessages && {
      messages: await sampleMessages(
        await reports.samples(run.run_no, SAMPLE_MESSAGES),
        run.input,
        hideValues,
      ),
    }),
  };
}

/** Stands for the run that was started last, as far as the ledger knows. */
export const LATEST = 'latest';

/** As its run ids begin: `contactImport` → `contact-import`. The spec has it too, but loads the rules of all operations. */
export const stemOf = (kind: string): string => operationName(kind).replaceAll(' ', '-');
