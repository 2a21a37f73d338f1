/**
 * Contenders that do the same job from a file to its result, in rounds, each in a process and a database of its own, so that
 * nothing of another contender is left in either.
 */
import { sql } from 'kysely';
import { openDatabase } from '../src/ledger/database.ts';
import { peakMegabytes, type Usage, watchMachine } from './machine.ts';
import { dropDatabase, type Servers } from './servers.ts';

const WARM_UP_ROWS = 3_000;

export interface Figures {
  /** From the file to the result. */
  readonly wholeMs: number;
}

export interface Entrant<Input, Result> {
  readonly pid: number;
  run(input: Input): Promise<Result>;
  end(): Promise<void>;
}

export type Enter<Input, Result> = (
  servers: Servers,
  databaseUrl: string,
  profile: string | null,
) => Promise<Entrant<Input, Result>>;

export interface Contest<Input, Result, Shown extends Figures> {
  readonly servers: Servers;
  /** By name. One of them is `bare`, with which the others are compared. */
  readonly contenders: Readonly<Record<string, Enter<Input, Result>>>;
  /** Rows of the files, one size after the other. */
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** A folder for CPU profiles of the workers. */
  readonly profile: string | null;
  readonly writeInput: (rows: number) => Promise<Input>;
  /** Runs the entrant once. Throws unless every row has the outcome that it has to have. */
  readonly runChecked: (entrant: Entrant<Input, Result>, input: Input) => Promise<Shown>;
  readonly onRound: (round: Round<Shown>) => void;
}

export interface Measured<Shown extends Figures> {
  readonly contender: string;
  readonly figures: Shown;
  readonly usage: Usage;
  readonly peakMegabytes: number;
}

export interface Round<Shown extends Figures> {
  readonly rows: number;
  /** From 1. */
  readonly round: number;
  readonly measured: readonly Measured<Shown>[];
}

export async function runContest<Input, Result, Shown extends Figures>(
  contest: Contest<Input, Result, Shown>,
): Promise<readonly Round<Shown>[]> {
  const warmUp = await contest.writeInput(WARM_UP_ROWS);
  const names = Object.keys(contest.contenders);
  const all: Round<Shown>[] = [];
  for (const rows of contest.sizes) {
    const input = await contest.writeInput(rows);
    for (let round = 1; round <= contest.rounds; round += 1) {
      const measured: Measured<Shown>[] = [];
      // Each round begins with another contender.
      for (let i = 0; i < names.length; i += 1) {
        const name = names[(i + round) % names.length] as string;
        measured.push(await measure(contest, name, { warmUp, input }));
      }
      all.push({ rows, round, measured });
      contest.onRound({ rows, round, measured });
    }
  }
  return all;
}

async function measure<Input, Result, Shown extends Figures>(
  { servers, contenders, profile, runChecked }: Contest<Input, Result, Shown>,
  name: string,
  { warmUp, input }: { readonly warmUp: Input; readonly input: Input },
): Promise<Measured<Shown>> {
  const enter = contenders[name] as Enter<Input, Result>;
  const databaseUrl = await servers.newDatabase();
  const entrant = await enter(servers, databaseUrl, profile);
  try {
    await runChecked(entrant, warmUp);
    await checkpoint(databaseUrl);
    const usageSince = watchMachine({
      own: [entrant.pid],
      postgres: [servers.postgres.pid],
      temporal: [servers.temporal.pid],
      vendor: [servers.vendor.pid],
      bench: [process.pid],
    });
    const figures = await runChecked(entrant, input);
    return { contender: name, figures, usage: usageSince(), peakMegabytes: peakMegabytes(entrant.pid) };
  } finally {
    await entrant.end();
    await dropDatabase(servers, databaseUrl);
  }
}

/** What was written before is not written to the disk on somebody else's time. */
async function checkpoint(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, 1);
  await sql`checkpoint`.execute(database.db);
  await database.close();
}
