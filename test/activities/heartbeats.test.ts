import { afterEach, expect, it, vi } from 'vitest';
import { createActivities } from '../../src/activities/index.ts';
import { createEnvironment } from './harness.ts';

afterEach(() => void vi.useRealTimers());

/** Stands in for every dependency: its methods never return. */
const silent: never = new Proxy(() => undefined, {
  get: (_, name) => (name === 'then' ? undefined : silent),
  apply: () => new Promise(() => undefined),
}) as never;

const activities = createActivities({
  ledger: silent,
  cxone: silent,
  rateLimiter: silent,
  holder: 'test',
  draining: new AbortController().signal,
  sourceDir: null,
  duplicatesRefused: true,
  searchAttributes: () => false,
  webhooks: { crm: null, marketing: null },
  preferencesPerBatch: 100,
  preferencesIntervalMs: 0,
  email: {
    recipientsPerRequest: 100,
    dailyLimit: 5_000,
    timeZone: 'UTC',
    lookupsMaxAgeMs: 900_000,
    isIdempotent: false,
    webhookAddresses: 'plain',
  },
  listLoad: { itemsPerBatch: 500, intervalMs: 0, strictUniqueness: true, suppressionsMaxAgeMs: 900_000 },
  keyLifeMs: 0,
  log: () => undefined,
});

it.each(Object.keys(activities))('%s sends heartbeats while the ledger does not answer', async (name) => {
  vi.useFakeTimers();
  const environment = createEnvironment();
  const seen: unknown[] = [];
  environment.on('heartbeat', () => seen.push('heartbeat'));
  const activity = Reflect.get(activities, name) as (input: unknown) => Promise<unknown>;
  const ended = environment.run(activity, { runId: 'run-1', input: {}, decision: {} });
  void ended.catch((error: unknown) => void seen.push(error));
  await vi.advanceTimersByTimeAsync(3_500);
  expect(seen).toEqual(['heartbeat', 'heartbeat', 'heartbeat']);
});
