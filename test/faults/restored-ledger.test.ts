/** The ledger is restored from a backup that was made in mid-run, and the run in Temporal goes on. */
import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { OWN_OR_EXISTING } from '../../src/activities/engine/evidence.ts';
import { databaseUrl } from '../../src/stack/postgres.ts';
import { useProcesses } from '../harness/processes.ts';
import { eventually } from '../harness/wait.ts';
import {
  EMAIL_ENV,
  expectNobodyTwice,
  startSend,
  timesAccepted,
  untilAccepted,
  untilInDoubt,
} from './emails.ts';
import { query } from './observe.ts';
import { hurry, onStand, type Stand, until, untilApplied } from './stand.ts';

/** The server copies a database that nobody uses. */
async function copyDatabase(stand: Stand, from: string, to: string): Promise<void> {
  const server = new pg.Client({ connectionString: databaseUrl(stand.databaseUrl, 'postgres') });
  await server.connect();
  const name = (database: string) => server.escapeIdentifier(database);
  try {
    await eventually(async () => {
      await server.query(`drop database if exists ${name(to)} with (force)`);
      await server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from]);
      await server.query(`create database ${name(to)} template ${name(from)}`);
    });
  } finally {
    await server.end();
  }
}

const nameOf = (stand: Stand): string => new URL(stand.databaseUrl).pathname.slice(1);
const backUp = (stand: Stand) => copyDatabase(stand, nameOf(stand), `${nameOf(stand)}_backup`);
const restore = (stand: Stand) => copyDatabase(stand, `${nameOf(stand)}_backup`, nameOf(stand));

async function countClaims(stand: Stand, runId: string): Promise<number> {
  const { ledger } = stand.client();
  const { run_no: runNo } = await ledger.runs.get(runId);
  return (await ledger.writes.countClaims(runNo)).ofRun;
}

/** Resolves once Temporal knows of more claims than these, by the last heartbeat of a page. */
async function untilHeartbeat(stand: Stand, runId: string, claims: number): Promise<void> {
  await until(
    async () => {
      const { raw } = await stand.client().temporal.workflow.getHandle(runId).describe();
      return (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) =>
        (heartbeatDetails?.payloads ?? []).map((payload) => {
          const details = defaultPayloadConverter.fromPayload<{ claims?: number }>(payload);
          return details.claims ?? 0;
        }),
      );
    },
    (known) => known.some((n) => n > claims),
  );
}

/** Contacts that CXone had, so the ledger says, and that no lost request of the run can have created. */
async function countForeign(stand: Stand): Promise<number> {
  const { rows } = await query(stand, (db) =>
    sql<{ n: number }>`select count(*)::int as n from outcomes
      where outcome = 'existing' and evidence is distinct from ${OWN_OR_EXISTING}`.execute(db),
  );
  return rows[0]?.n ?? 0;
}

async function failureOf(stand: Stand, runId: string): Promise<ApplicationFailure> {
  const handle = stand.client().temporal.workflow.getHandle(runId);
  const error: unknown = await handle.result().catch((reason: WorkflowFailedError) => reason);
  expect((error as WorkflowFailedError).cause).toBeInstanceOf(ApplicationFailure);
  return (error as WorkflowFailedError).cause as ApplicationFailure;
}

const messagesSent = async (stand: Stand): Promise<number> => (await stand.admin.acceptedEmails()).length;
const BRIEFLY = { pollDeadline: '1s', retries: 0 } as const;

describe.concurrent('an email send whose ledger was restored', () => {
  const processes = useProcesses();

  it('sends to nobody twice: it fails, says why, and asks about the batches before it sends them', async () => {
    const rows = 300;
    await onStand(processes, { env: EMAIL_ENV, latencyMs: 100 }, async (stand) => {
      const first = await stand.readyWorker();
      const send = { name: 'restored', rows, input: BRIEFLY };
      await startSend(stand.client(), send);
      await untilAccepted(stand, 20);
      await first.kill();
      await backUp(stand);
      const claims = await countClaims(stand, 'restored');
      const atBackup = await messagesSent(stand);
      const second = await stand.readyWorker();
      await untilAccepted(stand, atBackup + 20);
      await untilHeartbeat(stand, 'restored', claims);
      await second.kill();
      const atRestore = await messagesSent(stand);
      expect(atRestore, 'messages before the end').toBeLessThan(rows);
      await restore(stand);
      await stand.readyWorker();
      const failure = await failureOf(stand, 'restored');
      expect(failure.type).toBe('LedgerRestored');
      expect(failure.message).toMatch(
        /the ledger was restored from a backup \(last known request: 20.*in doubt/,
      );
      expect(await messagesSent(stand), 'messages after the ledger was restored').toBe(atRestore);
      const { state, steering, failure: stored } = await stand.client().ledger.runs.get('restored');
      expect({ state, steering, stored }).toMatchObject({
        ...{ state: 'failed', steering: 'stopped' },
        stored: { type: 'LedgerRestored', message: failure.message },
      });
      await expectNobodyTwice(stand, 'restored');
      await hurry(stand);
      await startSend(stand.client(), send);
      await untilInDoubt(stand, 'restored');
      await stand.client().temporal.workflow.getHandle('restored').signal('resolve', { verdict: 'leave' });
      const result = await stand.ended('restored');
      const times = await timesAccepted(stand, 'restored');
      expect(Math.max(...times.values()), 'messages to one recipient').toBe(1);
      await expectNobodyTwice(stand, 'restored');
      await stand.conserved('restored', { result });
    });
  });
});

const ONE_AT_A_TIME = { CXFLOW_MAX_IN_FLIGHT: '1' } as const;

describe.concurrent('a contact import whose ledger was restored', () => {
  const processes = useProcesses();

  it('fails, says why, and finds out what it has sent once it is started again', async () => {
    await onStand(processes, { env: ONE_AT_A_TIME, latencyMs: 300 }, async (stand) => {
      const first = await stand.readyWorker();
      const runId = await stand.startImport(6_000);
      await untilApplied(stand, 300);
      await first.kill();
      await backUp(stand);
      const claims = await countClaims(stand, runId);
      const second = await stand.readyWorker();
      await untilHeartbeat(stand, runId, claims + 2);
      await second.kill();
      await restore(stand);
      await stand.readyWorker();
      const failure = await failureOf(stand, runId);
      expect(failure.type).toBe('LedgerRestored');
      expect(failure.message).toMatch(/restored from a backup.*finds out what became of them/);
      await hurry(stand);
      expect(await stand.startImport(6_000)).toBe(runId);
      const result = await stand.ended(runId);
      expect(
        await countForeign(stand),
        'contacts of this run that are taken for those of somebody else',
      ).toBe(0);
      await stand.conserved(runId, { result });
    });
  });
});

describe.concurrent('a contact import that the restored ledger has lost altogether', () => {
  const processes = useProcesses();

  it('fails, and says what to do before it is started again', async () => {
    await onStand(processes, { env: ONE_AT_A_TIME, latencyMs: 300 }, async (stand) => {
      await backUp(stand);
      const worker = await stand.readyWorker();
      const runId = await stand.startImport(6_000);
      await untilApplied(stand, 300);
      await worker.kill();
      const { applied } = await stand.admin.health();
      await restore(stand);
      await stand.readyWorker();
      const failure = await failureOf(stand, runId);
      expect(failure.type).toBe('LedgerRestored');
      expect(failure.message).toMatch(/is not in the ledger.*older than the run/);
      expect((await stand.admin.health()).applied).toBe(applied);
    });
  });
});
