/**
 * Where a fault test ends a worker, as kill -9 does it: right before a durable fact. That is whatever outlives the
 * process: a write to the ledger, the first byte of a request, the report that an activity has ended. Between two of
 * them a crash finds the same world, so these moments are all that there are. Nothing of this is in the way without
 * CXFLOW_CRASH_AT.
 *
 * `CXFLOW_CRASH_AT=writePage/writes.settle:2` ends the worker right before the second settlement of a writePage;
 * `…:2@RUN` only in that run; `CXFLOW_CRASH_AT=trace` says every moment that is passed, and ends nothing.
 * `CXFLOW_CRASH_AT=stop/writePage/contactLists.createRecords:2` says the moment and puts the worker to sleep there (SIGSTOP,
 * until a SIGCONT), before the request's lease is looked at: what the lease is for.
 */
import { writeSync } from 'node:fs';
import { Context } from '@temporalio/activity';

type Verb = (...args: never[]) => unknown;

export interface CrashPoints {
  /** The ledger: every verb that writes. */
  readonly ledger: <T extends object>(ledger: T) => T;
  /** CXone: each request right before its first byte. */
  readonly cxone: <T extends object>(cxone: T) => T;
  readonly webhook: <T extends Verb>(post: T) => T;
  /** The report of each activity's end. */
  readonly activities: <T extends object>(activities: T) => T;
}

/** Verbs that only read. A verb that is not here counts as a fact, so that a new one cannot be forgotten. */
const READS = new Set(
  [
    'runs.find runs.get runs.list runs.countEndedEarly runs.counts runs.exactCounts',
    'records.duplicateCandidates records.list records.reasons records.pendingContacts',
    'writes.open writes.inDoubt writes.latencies writes.liveLeaseMs',
    'audit.list audit.verify outbox.undelivered outbox.rendered outbox.contentOf outbox.tally',
    'datasets.find datasets.read datasets.ids retries.of retries.problemOf rateBudget.blockedMs',
    'campaigns.snapshot campaigns.atVersion selections.find selections.get',
    'selections.ofCampaign selections.metrics',
    'suppressions.isEmpty suppressions.find preferences.pendingOptIns preferences.settledBy preferences.duplicateRows',
    'preferences.unsentOptOuts preferences.endedBatches consentProof.of consentProof.newestConsents',
    'eligibilityResults.count eligibilityResults.answered eligibilityResults.tally eligibilityResults.list erasures.find',
  ].flatMap((line) => line.split(' ')),
);

const SLEEP = 'stop/';

/** `tell` gets each moment with its run. Null where nothing is wanted. */
export function createCrashPoints(
  wanted: string | undefined,
  tell: (moment: string, run: string) => void,
): CrashPoints | null {
  if (!wanted) return null;
  const sleeps = wanted.startsWith(SLEEP);
  const [point = '', ...rest] = (sleeps ? wanted.slice(SLEEP.length) : wanted).split('@');
  const [moment, onlyRun] = [/:\d+$/.test(point) ? point : `${point}:1`, rest.join('@')];
  const passed = new Map<string, number>();

  const passing = (fact: string): void => {
    const now = activityOfNow();
    if (now === null) return;
    const { run, activity } = now;
    const key = `${run} ${activity}/${fact}`;
    const times = (passed.get(key) ?? 0) + 1;
    passed.set(key, times);
    const here = `${activity}/${fact}:${times}`;
    if (wanted === 'trace') return tell(here, run);
    if (here !== moment || (onlyRun !== '' && onlyRun !== run)) return;
    // The log writes a moment later, which would be after the sleep.
    if (sleeps) writeSync(process.stderr.fd, `asleep at ${here}\n`);
    process.kill(process.pid, sleeps ? 'SIGSTOP' : 'SIGKILL');
  };

  const before = (fact: string, verb: Verb, of: object): Verb => {
    return (...args) => {
      passing(fact);
      return verb.apply(of, args);
    };
  };
  return {
    ledger: (ledger) =>
      watchRooms(ledger, (fact, verb, of) => (READS.has(fact) ? verb : before(fact, verb, of))),
    cxone: (cxone) =>
      watchRooms(cxone, (fact, verb, of) => beforeSending(fact, verb, of, { passing, isFirst: sleeps })),
    webhook: (post) => before('crm.post', post, {}) as typeof post,
    activities: (activities) => watchVerbs(activities, (_, verb) => beforeItsEnd(verb, passing)),
  };
}

/** The workflow's id and the activity's name; null outside of activities, e.g. in the audit's sealer. */
function activityOfNow(): { run: string; activity: string } | null {
  try {
    const { workflowExecution, activityType } = Context.current().info;
    return { run: workflowExecution?.workflowId ?? '', activity: activityType };
  } catch {
    return null;
  }
}

type Watch = (fact: string, verb: Verb, of: object) => Verb;

function watchVerbs<T extends object>(room: T, watch: Watch, name = ''): T {
  const entries = Object.entries(room).map(([verb, does]: [string, unknown]) => [
    verb,
    typeof does === 'function' ? watch(`${name}${verb}`, does as Verb, room) : does,
  ]);
  return Object.fromEntries(entries) as T;
}

/** `ledger.runs.close` is the fact `runs.close`; verbs of the whole (`close`, `migrate`) are none of an activity's. */
function watchRooms<T extends object>(whole: T, watch: Watch): T {
  const entries = Object.entries(whole).map(([name, room]: [string, unknown]) => [
    name,
    typeof room === 'object' && room !== null ? watchVerbs(room, watch, `${name}.`) : room,
  ]);
  return Object.fromEntries(entries) as T;
}

interface Passing {
  readonly passing: (fact: string) => void;
  /** Before what the request itself looks at last: its lease. */
  readonly isFirst: boolean;
}

/** Requests take `beforeSend`, which is called right before the first byte. */
function beforeSending(fact: string, verb: Verb, of: object, { passing, isFirst }: Passing): Verb {
  return (...[request, ...rest]: unknown[]) => {
    const { beforeSend } = request as { beforeSend?: () => void };
    const watched = {
      ...(request as object),
      beforeSend: () => {
        if (isFirst) passing(fact);
        beforeSend?.();
        if (!isFirst) passing(fact);
      },
    };
    return verb.apply(of, [watched, ...rest] as never[]);
  };
}

function beforeItsEnd(activity: Verb, passing: (fact: string) => void): Verb {
  return async (...args) => {
    const result = await activity(...args);
    passing('end');
    return result;
  };
}
