/** The activities of one worker, with a real ledger and a fake CXone. */
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Page, PageResult } from '../../src/activities/engine/page-worker.ts';
import { RateLimiter } from '../../src/activities/engine/rate-limiter.ts';
import { type ActivityDeps, createActivities, type OperationDefiner } from '../../src/activities/index.ts';
import type {
  ContactRecord,
  CreateRecordsAnswer,
  CreateRecordsRequest,
  NamedRecord,
  UpdateRecordAnswer,
  UpdateRecordRequest,
} from '../../src/cxone/contact-lists.ts';
import type { Cxone } from '../../src/cxone/cxone.ts';
import { CxoneNoAnswer, type RequestContext } from '../../src/cxone/errors.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';

let activityNumber = 0;

/**
 * Each call returns the environment of a different activity, unless `info` says otherwise; all are scheduled at the same time.
 * Logs no warnings, because many tests provoke failures.
 */
export function createEnvironment(info: Partial<Info> = {}): MockActivityEnvironment {
  activityNumber += 1;
  return new MockActivityEnvironment(
    { activityId: String(activityNumber), ...info },
    { logger: new DefaultLogger('ERROR') },
  );
}

/** Runs an activity as a worker does: in a context that can be cancelled and that accepts heartbeats. */
export const runActivity = <R>(activity: () => Promise<R>, env = createEnvironment()): Promise<R> =>
  env.run<[], R, () => Promise<R>>(activity);

export const CONTEXT: RequestContext = {
  family: 'contactlists',
  verb: 'POST',
  url: 'https://cxone.test/api/v2/contactlists/L1/records',
  status: null,
  requestId: 'req-1',
};

export const lostAnswer = () => new CxoneNoAnswer(CONTEXT, 'connection', 'ECONNRESET', 'unknown');
export const nothingSent = () => new CxoneNoAnswer(CONTEXT, 'connection', 'ECONNREFUSED', 'no');

/** Hooks into the requests of a fake CXone. They may throw what its client would throw. */
export interface CxoneHooks {
  /** Called before the request is sent. `n` is its number, from 1. */
  before?: (n: number, contactIds: readonly string[]) => Promise<void> | void;
  /** Called after CXone has applied the request, before its answer arrives. */
  after?: (n: number, contactIds: readonly string[]) => Promise<void> | void;
  /** Replaces the request that changes nothing. */
  probe?: () => Promise<void>;
  /** Replaces the answer; undefined leaves it as it is. */
  answer?: (n: number, contactIds: readonly string[]) => CreateRecordsAnswer | undefined;
}

/** A fake CXone with atomic batches that refuses duplicates. `posts` and `puts` are the requests sent, as contact ids. */
export function fakeCxone(hooks: CxoneHooks = {}, held: ReadonlySet<string> = new Set()) {
  const records = new Set(held);
  const creations: string[] = [];
  const posts: string[][] = [];
  const puts: string[] = [];
  const sentAt: number[] = [];
  let n = 0;
  const enter = async (ids: readonly string[], beforeSend: (() => void) | undefined): Promise<number> => {
    n += 1;
    const mine = n;
    await hooks.before?.(mine, ids);
    beforeSend?.();
    sentAt.push(performance.now());
    return mine;
  };
  const create = (ids: readonly string[]): CreateRecordsAnswer => {
    const parts = { requestId: 'req', id: null, notes: [] };
    const named = ids.flatMap((id, index): NamedRecord[] => {
      const more = { contactId: id, recordId: `rec-${id}`, code: 'DUPLICATE', field: null, message: null };
      return records.has(id) ? [{ index, severity: 'warning', ...more }] : [];
    });
    if (named.length > 0) return { kind: 'duplicates', status: 409, named, ...parts };
    for (const id of ids) records.add(id);
    creations.push(...ids);
    return { kind: 'created', status: 200, recordsCreated: ids.length, named, ...parts };
  };
  const cxone: Cxone = {
    contactLists: {
      async createRecords(request: CreateRecordsRequest): Promise<CreateRecordsAnswer> {
        const sent =
          'json' in request.records ? (JSON.parse(request.records.json) as ContactRecord[]) : request.records;
        const ids = sent.map(({ contactId }) => contactId);
        const mine = await enter(ids, request.beforeSend);
        posts.push(ids);
        const answer = hooks.answer?.(mine, ids) ?? create(ids);
        await hooks.after?.(mine, ids);
        return answer;
      },
      async updateRecord(request: UpdateRecordRequest): Promise<UpdateRecordAnswer> {
        const id = request.record.contactId;
        const mine = await enter([id], request.beforeSend);
        puts.push(id);
        await hooks.after?.(mine, [id]);
        return { kind: 'updated' };
      },
      probe: () => hooks.probe?.() ?? Promise.resolve(),
    },
    outbound: {
      readCampaign: () => Promise.reject(new Error('this CXone has no campaigns')),
      updateSelection: () => Promise.reject(new Error('this CXone has no campaigns')),
      probe: () => Promise.reject(new Error('this CXone has no campaigns')),
    },
    preferences: {
      updateBatch: () => Promise.reject(new Error('this CXone has no preferences')),
      find: () => Promise.reject(new Error('this CXone has no preferences')),
      probe: () => Promise.reject(new Error('this CXone has no preferences')),
    },
    lists: {
      getCampaign: () => Promise.reject(new Error('this CXone has no campaign lists')),
      readSuppressions: () => Promise.reject(new Error('this CXone has no campaign lists')),
      createItems: () => Promise.reject(new Error('this CXone has no campaign lists')),
      probe: () => Promise.reject(new Error('this CXone has no campaign lists')),
    },
    email: {
      getSuppression: () => Promise.reject(new Error('this CXone has no email')),
      sendMessage: () => Promise.reject(new Error('this CXone has no email')),
      getJob: () => Promise.reject(new Error('this CXone has no email')),
      readEvents: () => Promise.reject(new Error('this CXone has no email')),
      probe: () => Promise.reject(new Error('this CXone has no email')),
    },
    close: () => undefined,
  };
  return { cxone, records, creations, posts, puts, sentAt };
}

export interface WorkerOptions extends Partial<ActivityDeps> {
  readonly ratePerMinute?: number;
  readonly maxInFlight?: number;
  readonly tenant?: string;
  /** Beside those of cxflow. */
  readonly operations?: Readonly<Record<string, OperationDefiner>>;
}

export function createWorker(ledger: Ledger, cxone: Cxone, options: WorkerOptions = {}) {
  const draining = new AbortController();
  const errors: unknown[] = [];
  const { ratePerMinute = 0, maxInFlight = 4, tenant = 't', operations = {}, ...more } = options;
  const deps: ActivityDeps = {
    ledger,
    cxone,
    rateLimiter: new RateLimiter({ budget: ledger.rateBudget, tenant, ratePerMinute, maxInFlight }),
    holder: 'test',
    draining: draining.signal,
    sourceDir: '/nonexistent',
    duplicatesRefused: true,
    searchAttributes: () => false,
    webhooks: { crm: null, marketing: null },
    preferencesPerBatch: 100,
    preferencesIntervalMs: 0,
    listLoad: { itemsPerBatch: 500, intervalMs: 0, strictUniqueness: true, suppressionsMaxAgeMs: 900_000 },
    keyLifeMs: 86_400_000,
    email: {
      recipientsPerRequest: 100,
      dailyLimit: 5_000,
      timeZone: 'UTC',
      lookupsMaxAgeMs: 900_000,
      isIdempotent: false,
      webhookAddresses: 'plain',
    },
    log: (error) => errors.push(error),
    ...more,
  };
  const activities = createActivities(deps, operations);
  return {
    activities,
    draining,
    errors,
    writePage: (page: Page): Promise<PageResult> => runActivity(() => activities.writePage(page)),
  };
}

export type TestWorker = ReturnType<typeof createWorker>;

/** One page with all batches of the run. */
export const allBatches = (run: { run_id: string }): Page => ({
  runId: run.run_id,
  fromBatch: 1,
  toBatch: 1_000_000,
});

/** Repeats the page until no write of it is left open, like the workflow. Failures are thrown. */
export async function writeAll(worker: TestWorker, page: Page): Promise<PageResult> {
  for (let pass = 1; pass <= 30; pass += 1) {
    const result = await worker.writePage(page);
    if (result.left === 0 || result.halted !== null) return result;
  }
  throw new Error('writes are left open after 30 passes');
}

export interface Turn {
  readonly queue: string;
  readonly intervalMs: number;
  readonly waitMs: number;
  /** Before the ledger granted it, in milliseconds since 1970. */
  readonly askedAt: number;
}

/** A ledger that records the turns that workers take in its queues, without those that have not come yet. */
export function recordTurns(ledger: Ledger): { readonly turns: readonly Turn[]; readonly ledger: Ledger } {
  const turns: Turn[] = [];
  const { rateBudget } = ledger;
  const take: typeof rateBudget.take = async (queue, intervalMs, permits, maxWaitMs) => {
    const askedAt = Date.now();
    const waitMs = await rateBudget.take(queue, intervalMs, permits, maxWaitMs);
    if (waitMs <= maxWaitMs) turns.push({ queue, intervalMs, waitMs, askedAt });
    return waitMs;
  };
  return { turns, ledger: { ...ledger, rateBudget: { ...rateBudget, take } } };
}
