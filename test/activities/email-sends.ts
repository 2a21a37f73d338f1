/** Runs email sends from rows to result, with a real ledger and the real client on a simulator. */
import { ApplicationFailure } from '@temporalio/common';
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { EmailSettings } from '../../src/activities/email-send/settings.ts';
import type { Tracked, TrackMessages } from '../../src/activities/email-send/tracking.ts';
import type { EmailSendInput, EmailSendResult } from '../../src/contract/email-send.ts';
import type { RunState } from '../../src/domain/run.ts';
import type { Run } from '../../src/ledger/runs/runs.ts';
import type { EmailPlanInput } from '../../src/simulator/email.plan.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { allBatches, runActivity, type WorkerOptions } from './harness.ts';
import { guid, listOutcomes, nextPerson, openRunOf, optIn, rowWorkersOfFile, stored } from './preferences.ts';

export const MESSAGE = {
  subject: 'Your plan',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'news@shop.test',
};

export const MESSAGES = { method: 'POST', family: 'email', path: '/messages$' } as const;
export const JOBS = { method: 'GET', family: 'email', path: '/jobs/' } as const;
export const EVENTS = { method: 'GET', family: 'email', path: '/events$' } as const;

export interface Person {
  readonly email: string;
  readonly contactId: string;
}

/** A new one each time, because entries of the suppression list outlive a run. */
export function person(): Person {
  const n = nextPerson();
  return { email: `p${n}@example.com`, contactId: guid(n) };
}

export const people = (n: number): Person[] => Array.from({ length: n }, person);

/** A fault of CXone's answers about one address. */
export const lookupsOf = (email: string, fault: FaultRule['fault']): FaultRule => ({
  match: { method: 'GET', family: 'email', query: `email=${encodeURIComponent(email)}` },
  fault,
});

/** Jobs that are done at once. */
const AT_ONCE = [{ queuedSeconds: 0, processingSeconds: 0 }];

type Input = Partial<EmailSendInput>;

export interface EmailOptions {
  readonly simulator?: SimulatorOptions;
  readonly plan?: EmailPlanInput;
  readonly email?: Partial<EmailSettings>;
  readonly worker?: Omit<WorkerOptions, 'email'>;
}

const SETTINGS: EmailSettings = {
  recipientsPerRequest: 100,
  dailyLimit: 5_000,
  timeZone: 'UTC',
  lookupsMaxAgeMs: 900_000,
  isIdempotent: false,
  webhookAddresses: 'plain',
};

/** For the tests of a file. */
export function emailStand() {
  const { opened, start } = rowWorkersOfFile();
  const db = () => opened().database.db;

  async function startSends(options: EmailOptions = {}) {
    const { simulator, plan = {}, email, worker } = options;
    const cxone = await start(simulator, { ...worker, email: { ...SETTINGS, ...email } });
    const { activities, admin } = cxone;
    const setPlan = (given: EmailPlanInput) => admin.setEmailPlan({ jobs: AT_ONCE, ...given });
    await setPlan(plan);
    const planned = async (rows: readonly object[], input: Input = {}): Promise<Run> => {
      const given = { message: MESSAGE, channelConsent: 'ignore', ...input };
      const run = await openRunOf(opened().ledger, rows, given, 'emailSend');
      await cxone.plan(run);
      return run;
    };
    const trackOnce = async (run: Run, request: Partial<TrackMessages> = {}): Promise<Tracked | null> => {
      await makeDue(run);
      const asked = { runId: run.run_id, beside: false, policyBounces: 0, pending: 0, ...request };
      return runActivity(() => activities.trackMessages(asked)).catch((error: unknown) => {
        if (error instanceof ApplicationFailure && error.type === 'JobsOpen') return null;
        throw error;
      });
    };
    return {
      ...cxone,
      setPlan,
      planned,
      /** Null: jobs are open, and there is nothing to do but wait. */
      trackOnce,
      /** As Temporal repeats it, without the waits. */
      track: async (run: Run, request: Partial<TrackMessages> = {}): Promise<Tracked> => {
        for (let pass = 1; pass <= 20; pass += 1) {
          const tracked = await trackOnce(run, request);
          if (tracked) return tracked;
        }
        return expect.fail('jobs are open after 20 passes');
      },
      page: (run: Run) => cxone.writePage(allBatches(run)),
      sent: async (rows: readonly object[], input?: Input): Promise<Run> => {
        const run = await planned(rows, input);
        await cxone.writeAll(run);
        return run;
      },
      resolve: (run: Run, verdict: 'resend' | 'leave') =>
        runActivity(() =>
          activities.resolveInDoubt({ runId: run.run_id, decision: { action: 'resolve', verdict } }),
        ),
      inDoubt: (run: Run) => runActivity(() => activities.listInDoubt(run.run_id)),
      end: async (run: Run, state: RunState = 'completed') =>
        (await runActivity(() =>
          activities.closeRun({ runId: run.run_id, state, failure: null }),
        )) as unknown as EmailSendResult,
      outcomes: (run: Run) => listOutcomes(opened().ledger, run),
      counts: (run: Run) => opened().ledger.runs.exactCounts(run.run_no),
      jobs: (run: Run) => opened().ledger.emails.jobs(run.run_no),
      /** The addresses that the simulator has accepted, in order. */
      accepted: async () => (await admin.acceptedEmails()).map(({ toAddress }) => toAddress),
      permit: async (...persons: readonly Person[]) => {
        const rows = persons.map(({ contactId }) => ({ ...optIn(1, 300), contactId }));
        await admin.seedPreferences(rows.map((row) => stored(row)));
      },
      object: (person: Person) =>
        opened().ledger.suppressions.add(
          [
            {
              contactId: person.contactId,
              channel: 'email',
              reason: 'test',
              since: new Date().toISOString(),
            },
          ],
          null,
        ),
    };
  }

  /** All open jobs are to be asked about now. */
  const makeDue = (run: Run) =>
    sql`update email_jobs set next_poll_at = clock_timestamp() - interval '1 second'
      where run_no = ${run.run_no} and ended_at is null`.execute(db());

  return {
    opened,
    start: startSends,
    makeDue,
    /** The jobs look as if they had been submitted so much earlier. */
    ageJobs: (run: Run, hours: number) =>
      sql`update email_jobs set submitted_at = submitted_at - ${hours} * interval '1 hour'
        where run_no = ${run.run_no}`.execute(db()),
    /** The lookups look as if they had been made so much earlier. */
    ageLookups: (run: Run, minutes: number) =>
      sql`update writes set refs = (refs::jsonb || jsonb_build_object('checkedAt',
          (refs->>'checkedAt')::timestamptz - ${minutes} * interval '1 minute'))::json, payload_sha256 = null
        where run_no = ${run.run_no} and refs->>'checkedAt' is not null`.execute(db()),
    /** What was left for later may be tried now. */
    skipWaits: (run: Run) =>
      sql`update writes set refs = (refs::jsonb - 'notBefore')::json
        where run_no = ${run.run_no} and state = 'planned' and refs->>'notBefore' is not null`.execute(db()),
    /** All messages so far look as if they had been sent on the day before. */
    nextDay: () => sql`update email_quota set day = day - 1`.execute(db()),
    writes: async (run: Run) => {
      const { rows } = await sql<{ kind: string; state: string; seqs: number[]; notBefore: string | null }>`
        select kind, state, seqs, refs->>'notBefore' as "notBefore" from writes
        where run_no = ${run.run_no} order by id`.execute(db());
      return rows;
    },
  };
}
