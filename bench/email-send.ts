/**
 * `npm run bench:email`: the email send next to a bare script that does the same job. docs/benchmarks.md says what is compared.
 */
import { deepStrictEqual } from 'node:assert';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { EmailSendInput, EmailSendResult } from '../src/contract/email-send.ts';
import { startContender } from './contender.ts';
import { type Enter, type Entrant, runContest } from './contest.ts';
import { renderLine, renderRounds } from './contest-report.ts';
import { type Cxflow, connectCxflow } from './cxflow.ts';
import type { BareFigures, BareTask } from './email-send/bare.ts';
import { type Expected, writePeople } from './email-send/people.ts';
import { REPORT, type SendFigures } from './email-send/report.ts';
import { parseList, parseNumber } from './options.ts';
import { type Servers, withServers } from './servers.ts';

const USAGE = `npm run bench:email -- [options]

Options
  --recipients 100k   rows of the file, e.g. 20k,100k,200k, one size after the other; k and M are understood. Default 100k
  --consent           look up the consent of each recipient, too
  --rounds N          the number of rounds, default 5; results are medians
  --profile DIR       write a CPU profile of each worker to DIR (slows it down a little)
`;

const IN_FLIGHT = 16;
const PEOPLE_PER_FILE = 10_000_000;
const ENVELOPE = {
  subject: 'Your plan {{plan}}',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
};

interface Options {
  readonly sizes: readonly number[];
  readonly requiresConsent: boolean;
  readonly rounds: number;
  readonly profile: string | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      recipients: { type: 'string', default: '100k' },
      consent: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      profile: { type: 'string' },
    },
  });
  return {
    sizes: parseList(values.recipients),
    requiresConsent: values.consent,
    rounds: parseNumber(values.rounds),
    profile: values.profile ?? null,
  };
}

/** A file, and what has to become of its rows. */
interface Input {
  readonly path: string;
  readonly requiresConsent: boolean;
  readonly expected: Expected;
}

interface Sent extends Omit<SendFigures, 'sent' | 'requests'> {
  readonly became: Expected;
}

const CONTENDERS: Readonly<Record<string, Enter<Input, Sent>>> = {
  bare: startBare,
  'email send': startCxflow,
};

async function startBare({ vendor }: Servers, databaseUrl: string): Promise<Entrant<Input, Sent>> {
  const env = { DATABASE_URL: databaseUrl, VENDOR_URL: vendor.url };
  const script = await startContender<BareTask>('email-send/bare.ts', env);
  return {
    pid: script.pid,
    async run({ path, requiresConsent }) {
      const task = { path, requiresConsent, inFlight: IN_FLIGHT, envelope: ENVELOPE };
      const { ms, figures } = await script.run(task);
      return { wholeMs: ms, ...(figures as BareFigures) };
    },
    end: () => script.end(),
  };
}

async function startCxflow(
  servers: Servers,
  databaseUrl: string,
  profile: string | null,
): Promise<Entrant<Input, Sent>> {
  const worker = await servers.startWorker({ databaseUrl, inFlight: IN_FLIGHT, profile });
  const cxflow = await connectCxflow(servers, databaseUrl);
  return {
    pid: worker.pid,
    run: (input) => runEmailSend(cxflow, input),
    async end() {
      await servers.stopWorker(worker);
      await cxflow.close();
    },
  };
}

async function runEmailSend(cxflow: Cxflow, { path, requiresConsent }: Input): Promise<Sent> {
  const { client } = cxflow;
  const began = Date.now();
  const { source } = await client.stageFile(path);
  const input: EmailSendInput = {
    message: { ...ENVELOPE, mergeFields: ['first_name', 'last_name', 'plan'] },
    source,
    channelConsent: requiresConsent ? 'require' : 'ignore',
    again: true,
  };
  const { runId } = await client.startEmailSend(input);
  const result = await client.result<EmailSendResult>(runId);
  const ended = Date.now();
  const { run_no: runNo } = await client.ledger.runs.get(runId);
  // Its lookups are writes, too.
  const { from, to } = await cxflow.measureWriting(runNo);
  const times = { stagedMs: from - began, sentMs: to - from, followedMs: ended - to, wholeMs: ended - began };
  return { ...times, became: toBecame(result) };
}

function toBecame({ counts, delivery }: EmailSendResult): Expected {
  const { total: _, pending, ...outcomes } = counts;
  const { delivered, bounced, ofDelivered } = delivery;
  return {
    outcomes: pending === 0 ? outcomes : { ...outcomes, pending },
    ...{ delivered, bounced: bounced.hard, opened: ofDelivered.opened },
  };
}

let files = 0;

/** Each file has people of its own. */
async function writeInput({ folder }: Servers, rows: number, requiresConsent: boolean): Promise<Input> {
  const first = (files += 1) * PEOPLE_PER_FILE;
  const path = join(folder, `people-${files}.csv`);
  return { path, requiresConsent, expected: await writePeople({ path, rows, first, requiresConsent }) };
}

/** Throws unless every recipient has the outcome that it has to have, and the vendor one message for each that was sent one. */
async function runChecked(
  { vendor }: Servers,
  contender: Entrant<Input, Sent>,
  input: Input,
): Promise<SendFigures> {
  await vendor.order({ reset: true });
  const { became, ...times } = await contender.run(input);
  const { records, distinct, requests } = await vendor.order({});
  const { expected } = input;
  const sent = expected.outcomes.sent ?? 0;
  deepStrictEqual({ became, records, distinct }, { became: expected, records: sent, distinct: sent });
  return { ...times, sent, requests };
}

if (process.argv.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const { sizes, requiresConsent, rounds: roundsPerSize, profile } = readOptions();
await withServers(async (servers) => {
  const rounds = await runContest<Input, Sent, SendFigures>({
    servers,
    contenders: CONTENDERS,
    ...{ sizes, rounds: roundsPerSize, profile },
    writeInput: (rows) => writeInput(servers, rows, requiresConsent),
    runChecked: (contender, input) => runChecked(servers, contender, input),
    onRound: (round) => process.stderr.write(`${renderLine(round, REPORT)}\n`),
  });
  process.stdout.write(`${renderRounds(rounds, REPORT)}\n`);
});
