/**
 * `npm run bench:list-load`: the list load next to a bare script that does the same job, and to the contact import of as many
 * rows. docs/benchmarks.md says what is compared.
 */
import { deepStrictEqual } from 'node:assert';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { writeDemoContacts } from '../src/cli/dev/demo-contacts.ts';
import type { Source } from '../src/contract/run.ts';
import { startContender } from './contender.ts';
import { type Enter, type Entrant, runContest } from './contest.ts';
import { renderLine, renderRounds } from './contest-report.ts';
import { type Cxflow, connectCxflow } from './cxflow.ts';
import type { BareFigures, BareTask } from './list-load/bare.ts';
import { type Outcomes, writeLeads } from './list-load/leads.ts';
import { type LoadFigures, REPORT } from './list-load/report.ts';
import { parseList, parseNumber } from './options.ts';
import { type Servers, withServers } from './servers.ts';

const USAGE = `npm run bench:list-load -- [options]

Options
  --rows 100k,1M      rows of the file, one size after the other; k and M are understood. Default 100k
  --suppressions N    entries of the suppression list, at least 1. Default 100k
  --rounds N          the number of rounds, default 5; results are medians
  --profile DIR       write a CPU profile of each worker to DIR (slows it down a little)
`;

const IN_FLIGHT = 16;

interface Options {
  readonly sizes: readonly number[];
  readonly suppressions: number;
  readonly rounds: number;
  readonly profile: string | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '100k' },
      suppressions: { type: 'string', default: '100k' },
      rounds: { type: 'string', default: '5' },
      profile: { type: 'string' },
    },
  });
  const suppressions = parseNumber(values.suppressions);
  // A run does not rely on an empty list.
  if (suppressions === 0) throw new Error(`--suppressions must be at least 1\n\n${USAGE}`);
  const rounds = parseNumber(values.rounds);
  return { sizes: parseList(values.rows), suppressions, rounds, profile: values.profile ?? null };
}

/** A file, and what has to become of its rows. */
interface Input {
  readonly path: string;
  readonly outcomes: Outcomes;
  /** Different phone numbers that the vendor gets as keys of items. */
  readonly distinct: number;
}

/** For one size, or for the warm-up. */
interface Inputs {
  readonly leads: Input;
  readonly contacts: Input;
}

async function writeInputs({ folder }: Servers, rows: number, suppressions: number): Promise<Inputs> {
  const leads = join(folder, `leads-${rows}.csv`);
  const contacts = join(folder, `contacts-${rows}.csv`);
  const outcomes = await writeLeads({ path: leads, rows, suppressions });
  const { valid } = await writeDemoContacts({ path: contacts, rows, badShare: 0 });
  return {
    leads: { path: leads, outcomes, distinct: outcomes.created ?? 0 },
    contacts: { path: contacts, outcomes: { created: valid }, distinct: 0 },
  };
}

interface Loaded extends Omit<LoadFigures, 'uploaded'> {
  readonly outcomes: Outcomes;
  /** What they have to be. */
  readonly expected: Input;
}

const CONTENDERS: Readonly<Record<string, Enter<Inputs, Loaded>>> = {
  bare: startBare,
  'contact import': startCxflow('contacts', ({ client }, source, listId) =>
    client.startContactImport({ listId, source, again: true }),
  ),
  'list load': startCxflow('leads', ({ client }, source, listId) =>
    client.startListLoad({ listId, campaignId: 'C1', source, again: true }),
  ),
};

async function startBare({ vendor }: Servers, databaseUrl: string): Promise<Entrant<Inputs, Loaded>> {
  const env = { DATABASE_URL: databaseUrl, VENDOR_URL: vendor.url };
  const script = await startContender<BareTask>('list-load/bare.ts', env);
  return {
    pid: script.pid,
    async run({ leads }) {
      const { ms, figures } = await script.run({ path: leads.path, listId: 'L1' });
      return { fileMs: 0, wholeMs: ms, expected: leads, ...(figures as BareFigures) };
    },
    end: () => script.end(),
  };
}

function startCxflow(
  reads: keyof Inputs,
  start: (cxflow: Cxflow, source: Source, listId: string) => Promise<{ readonly runId: string }>,
): Enter<Inputs, Loaded> {
  return async (servers, databaseUrl, profile) => {
    const worker = await servers.startWorker({ databaseUrl, inFlight: IN_FLIGHT, profile });
    const cxflow = await connectCxflow(servers, databaseUrl);
    let runs = 0;
    return {
      pid: worker.pid,
      async run({ [reads]: expected }) {
        const began = Date.now();
        const { source } = await cxflow.client.stageFile(expected.path);
        const startedAt = Date.now();
        const { runId } = await start(cxflow, source, `L${(runs += 1)}`);
        const result = await cxflow.client.result(runId);
        const wholeMs = Date.now() - began;
        const { total: _, pending, ...outcomes } = result.counts;
        if (pending > 0) throw new Error(`${pending} records of ${runId} have no outcome`);
        return {
          fileMs: startedAt - began,
          wholeMs,
          ...(await measureSteps(cxflow, runId, startedAt)),
          outcomes,
          expected,
        };
      },
      async end() {
        await servers.stopWorker(worker);
        await cxflow.close();
      },
    };
  };
}

/** By the clock of PostgreSQL, which is that of this machine. */
async function measureSteps(cxflow: Cxflow, runId: string, startedAt: number) {
  const { audit, runs } = cxflow.client.ledger;
  const { run_no: runNo } = await runs.get(runId);
  await audit.seal();
  const ends = new Map<string, number>();
  for await (const { action, at } of audit.list(runId)) ends.set(action, at.getTime());
  const [staged = Number.NaN, planned = Number.NaN] = ['staged', 'planned'].map((step) => ends.get(step));
  const { from, to } = await cxflow.measureWriting(runNo);
  const { rows } = await sql<{ ms: number }>`
    select extract(epoch from completed_at - begun_at)::float * 1000 as ms from suppression_snapshots
    where run_no = ${runNo} order by snapshot_no limit 1`.execute(cxflow.database.db);
  const suppressionsMs = rows[0]?.ms ?? 0;
  return {
    suppressionsMs,
    stagedMs: staged - startedAt - suppressionsMs,
    plannedMs: planned - staged,
    uploadedMs: to - from,
  };
}

/** Throws unless every row has the outcome that it has to have, and the vendor each record once. */
async function runChecked(
  { vendor }: Servers,
  contender: Entrant<Inputs, Loaded>,
  inputs: Inputs,
): Promise<LoadFigures> {
  await vendor.order({ reset: true });
  const { outcomes, expected, ...times } = await contender.run(inputs);
  const { records, distinct } = await vendor.order({});
  deepStrictEqual(
    { outcomes, records, distinct },
    { outcomes: expected.outcomes, records: expected.outcomes.created, distinct: expected.distinct },
  );
  return { ...times, uploaded: outcomes.created ?? 0 };
}

if (process.argv.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const { sizes, suppressions, rounds: roundsPerSize, profile } = readOptions();
await withServers(async (servers) => {
  await servers.vendor.order({ suppressions });
  const rounds = await runContest<Inputs, Loaded, LoadFigures>({
    servers,
    contenders: CONTENDERS,
    ...{ sizes, rounds: roundsPerSize, profile },
    writeInput: (rows) => writeInputs(servers, rows, suppressions),
    runChecked: (contender, inputs) => runChecked(servers, contender, inputs),
    onRound: (round) => process.stderr.write(`${renderLine(round, REPORT)}\n`),
  });
  process.stdout.write(`${renderRounds(rounds, REPORT)}\n`);
});
