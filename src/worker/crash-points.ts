/**
 * Lets a fault test end a worker as kill -9 would, at a chosen point: right before something durable happens. Durable is
 * what outlives the process: a write to the ledger, the first byte of a request, the report that an activity has ended.
 * A crash anywhere between two such points has the same effect, so these points cover every possible crash. Without
 * CXFLOW_CRASH_AT nothing is wrapped.
 *
 * A write to the ledger has a point before it begins, and one before each of its commits (`writes.settle.commit`): there the
 * process dies in the middle of a transaction, whose locks it holds.
 *
 * `CXFLOW_CRASH_AT=writePage/writes.settle:2` kills the worker right before the second `writes.settle` of a writePage;
 * `…:2@RUN` does so only in that run. `CXFLOW_CRASH_AT=trace` logs every point and kills nothing.
 * `CXFLOW_CRASH_AT=stop/writePage/contactLists.createRecords:2` stops the worker there (SIGSTOP, until a SIGCONT), right
 * before the request checks its lease: it simulates a worker that is suspended for longer than its lease.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { writeSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import type { BeforeCommit } from '../ledger/database.ts';

type Method = (...args: never[]) => unknown;

export interface CrashPoints {
  /** One point before each method that writes. */
  readonly ledger: <T extends object>(ledger: T) => T;
  /** One point before each commit of such a method. For the database of the ledger. */
  readonly beforeCommit: BeforeCommit | undefined;
  /** One point before the first byte of each request. */
  readonly cxone: <T extends object>(cxone: T) => T;
  readonly webhook: <T extends Method>(post: T) => T;
  /** One point before each activity reports its end. */
  readonly activities: <T extends object>(activities: T) => T;
}

/** Ledger methods that only read. Any other method counts as a write, so a new one cannot be forgotten. */
export const READS: ReadonlySet<string> = new Set(
  [
    'runs.find runs.get runs.listExecuting runs.listEarlierExecutions runs.getSteering runs.list runs.countEndedEarly',
    'runs.listIds runs.count runs.counts runs.countsOf runs.exactCounts',
    'records.listDuplicateCandidates records.list records.hasCxoneIds records.countReasons records.countPendingContacts records.countConvertedPhones',
    'records.listRankedCandidates records.listPending records.listCreated records.countScores',
    'capacity.remaining capacity.others capacity.unanswered',
    'suppressionSnapshots.latest suppressionSnapshots.lastAccepted suppressionSnapshots.find',
    'answers.messages answers.latest answers.summary',
    'writes.listOpen writes.listInDoubt writes.remainingLeaseMs writes.countClaims',
    'audit.list audit.get audit.hashes audit.head audit.verify outbox.listUndelivered outbox.renderedTotals outbox.ownTotals outbox.trailer',
    'outbox.countDeliveries',
    'datasets.find datasets.read retries.list retries.listRecords retries.findObstacle rateBudget.blockedMs rateBudget.list',
    'tenant.find campaigns.getSnapshot campaigns.findVersion selections.find selections.get',
    'selections.history selections.countUpdates selections.metrics metrics.byOperation metrics.log metrics.ofRun',
    'suppressions.isEmpty suppressions.find suppressions.findAddresses suppressions.newest suppressions.count',
    'suppressions.all suppressions.removals suppressions.countRemovals preferences.listSettledBy preferences.listDuplicateRows',
    'preferences.countSharedKeys',
    'preferences.listUnsentOptOuts preferences.listUnprovenBatches consentProof.list consentProof.newestConsents',
    'erasures.find erasures.preview purges.preview',
    'eligibilityResults.count eligibilityResults.answeredRows eligibilityResults.tally eligibilityResults.list',
    'emails.listDueJobs emails.countOpenJobs emails.jobs emails.jobsOf emails.findInJob emails.listRetryable emails.listOptOuts emails.figures',
    'emails.tallies emails.timeline emails.findConsents emails.contentHashes emails.recipients emails.countUnknown emails.nextWriteAt',
    'emails.eventTimeline emails.listMessages emails.countPolicyBounces emails.findDelivered',
    'emailQuota.used',
  ].flatMap((line) => line.split(' ')),
);

const OFF: CrashPoints = {
  ledger: (ledger) => ledger,
  beforeCommit: undefined,
  cxone: (cxone) => cxone,
  webhook: (post) => post,
  activities: (activities) => activities,
};

/** `crashAt` is the value of CXFLOW_CRASH_AT. `trace` receives each point with the id of its run. */
export function createCrashPoints(
  crashAt: string | undefined,
  trace: (point: string, run: string) => void,
): CrashPoints {
  if (!crashAt) return OFF;
  const target = parseTarget(crashAt);
  const reach = createCounter((point, run) => {
    if (target === 'trace') trace(point, run);
    else if (point === target.point && (target.run === '' || target.run === run)) crash(point, target.signal);
  });
  const isStopped = target !== 'trace' && target.signal === 'SIGSTOP';
  const writing = new AsyncLocalStorage<LedgerWrite>();
  return {
    ledger: (ledger) =>
      wrapParts(ledger, (name, method) => {
        if (READS.has(name)) return method;
        const reached = reachBefore(name, method, reach);
        return (...args) => writing.run({ name, commits: 0 }, () => reached(...args));
      }),
    beforeCommit: (what) => {
      const write = writing.getStore();
      if (!write) return;
      write.commits += 1;
      // Nothing happens between the point of the method and its first statement, if that commits by itself.
      if (what === 'transaction' || write.commits > 1) reach(`${write.name}.commit`);
    },
    cxone: (cxone) =>
      wrapParts(cxone, (name, method) =>
        reachBeforeSending(method, () => reach(name), { beforeLeaseCheck: isStopped }),
      ),
    webhook: (post) => reachBefore('crm.post', post, reach) as typeof post,
    activities: (activities) => wrapMethods(activities, (_, method) => reachBeforeEnd(method, reach)),
  };
}

interface LedgerWrite {
  readonly name: string;
  /** Its commits so far. */
  commits: number;
}

interface Target {
  /** `activity/name:count` */
  readonly point: string;
  /** The only run in which to crash; empty means any. */
  readonly run: string;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

const STOP = 'stop/';

function parseTarget(crashAt: string): Target | 'trace' {
  if (crashAt === 'trace') return 'trace';
  const signal = crashAt.startsWith(STOP) ? 'SIGSTOP' : 'SIGKILL';
  const [point = '', ...run] = (signal === 'SIGSTOP' ? crashAt.slice(STOP.length) : crashAt).split('@');
  return { point: /:\d+$/.test(point) ? point : `${point}:1`, run: run.join('@'), signal };
}

type Reach = (name: string) => void;

/** Numbers the points with the same name within a run. */
function createCounter(onPoint: (point: string, run: string) => void): Reach {
  const counts = new Map<string, number>();
  return (name) => {
    const current = currentActivity();
    if (current === null) return;
    const { run, activity } = current;
    const key = `${run} ${activity}/${name}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    onPoint(`${activity}/${name}:${count}`, run);
  };
}

/** The workflow's id and the activity's name; null outside of activities, for example in the audit's sealer. */
function currentActivity(): { run: string; activity: string } | null {
  try {
    const { workflowExecution, activityType } = Context.current().info;
    return { run: workflowExecution?.workflowId ?? '', activity: activityType };
  } catch {
    return null;
  }
}

function crash(point: string, signal: Target['signal']): void {
  // Not through the log: that writes a moment later, which would be after the process has stopped.
  if (signal === 'SIGSTOP') writeSync(process.stderr.fd, `stopped at ${point}\n`);
  process.kill(process.pid, signal);
}

/** Receives a method, bound to its object, with its name. */
type Wrap = (name: string, method: Method) => Method;

/** A proxy rather than a copy, because the methods of a class are not enumerable. */
function wrapMethods<T extends object>(object: T, wrap: Wrap, prefix = ''): T {
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function' || typeof key !== 'string') return value;
      return wrap(`${prefix}${key}`, (value as Method).bind(target));
    },
  });
}

/** `ledger.runs.close` has the name `runs.close`. Methods of the whole, such as `ledger.close`, belong to no activity. */
function wrapParts<T extends object>(whole: T, wrap: Wrap): T {
  const parts = Object.entries(whole).map(([name, part]: [string, unknown]) => [
    name,
    typeof part === 'object' && part !== null ? wrapMethods(part, wrap, `${name}.`) : part,
  ]);
  return Object.fromEntries(parts) as T;
}

function reachBefore(name: string, method: Method, reach: Reach): Method {
  return (...args) => {
    reach(name);
    return method(...args);
  };
}

/** Every request has a hook `beforeSend`, which checks the lease and is called right before the first byte. */
function reachBeforeSending(
  method: Method,
  reach: () => void,
  { beforeLeaseCheck }: { readonly beforeLeaseCheck: boolean },
): Method {
  return (...[request, ...rest]: unknown[]) => {
    // A probe that asks about nothing in particular.
    if (request === undefined) return method();
    const { beforeSend } = request as { beforeSend?: () => void };
    const wrapped = {
      ...(request as object),
      beforeSend: () => {
        if (beforeLeaseCheck) reach();
        beforeSend?.();
        if (!beforeLeaseCheck) reach();
      },
    };
    return method(...([wrapped, ...rest] as never[]));
  };
}

function reachBeforeEnd(activity: Method, reach: Reach): Method {
  return async (...args) => {
    const result = await activity(...args);
    reach('end');
    return result;
  };
}
