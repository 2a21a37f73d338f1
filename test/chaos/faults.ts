/** Faults of CXone and of the subscriber that strike requests at random. Outages are events (events.ts). */
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { WorkPlan } from './plan.ts';
import type { Random } from './random.ts';

interface Matches {
  /** Requests whose effect must not occur twice. */
  readonly writes: NonNullable<FaultRule['match']>;
  /** All requests of the operation. */
  readonly all: NonNullable<FaultRule['match']>;
}

const MATCHES: Readonly<Record<WorkPlan['kind'], Matches>> = {
  contactImport: {
    writes: { method: 'POST', family: 'contactlists' },
    all: { family: 'contactlists' },
  },
  emailSend: {
    writes: { method: 'POST', family: 'email' },
    // Without lookups: three unreadable answers settle a recipient, so the counts would depend on the faults.
    all: { family: 'email', path: '/(messages|events|jobs/.*)$' },
  },
  listLoad: {
    writes: { method: 'POST', family: 'lists' },
    // Without suppressions: a list that breaks off three times in a row stops the run until a person accepts it.
    all: { family: 'lists', path: '/(lists|campaigns)/' },
  },
  preferenceUpdate: {
    writes: { method: 'POST', family: 'preferences' },
    // Without lookups: three unreadable answers settle a record, so the counts would depend on the faults.
    all: { method: 'POST', family: 'preferences' },
  },
  selectionUpdate: {
    writes: { method: 'PATCH', family: 'outbound' },
    all: { family: 'outbound' },
  },
};

/** Rare, because each costs the request's deadline of 15 s. */
const WITHOUT_ANSWER: readonly FaultRule['fault'][] = [
  { answerLost: true },
  { hang: true },
  { drip: 'body' },
  { drip: 'headers' },
];
const WITH_ANSWER: readonly FaultRule['fault'][] = [
  { reset: 'after' },
  { reset: 'before' },
  { status: 503 },
  { status: 503, when: 'after' },
  { status: 502, html: true, when: 'after' },
  { html: true },
  { html: true, when: 'after' },
  { truncate: true },
  { truncate: 'cut' },
  { raw: '' },
  { raw: '{"recordsCreated": NaN}', when: 'after' },
];
/** Not for operations whose batches are applied as a whole. */
const PARTIAL: readonly FaultRule['fault'][] = [{ dropRecords: 3 }, { underreport: 2 }];
const WAITS = [1, 2, 0, 'soon', '-5', 'http-date-in-2', 'http-date-in--60'] as const;

export function chooseFaults(random: Random, work: WorkPlan): FaultRule[] {
  const { writes, all } = MATCHES[work.kind];
  const share = () => random.between(2, 10) / 100;
  const rules: FaultRule[] = [];
  for (let n = random.between(1, 4); n > 0; n -= 1) {
    const [probability, fault] = [share(), random.pick(WITH_ANSWER)];
    // Not for a PUT: its 200 may have an empty body, so cxflow could not know that nothing was applied.
    rules.push({ match: fault.raw === '' ? writes : all, probability, fault });
  }
  if (random.chance(0.4))
    rules.push({ match: writes, after: random.between(1, 15), times: 1, fault: random.pick(WITHOUT_ANSWER) });
  if (random.chance(0.4)) {
    const retryAfter = random.pick(WAITS);
    rules.push({ match: all, probability: share(), times: 4, fault: { status: 429, retryAfter } });
  }
  if ('atomic' in work && random.chance(0.3))
    rules.push({ match: writes, probability: share(), times: 2, fault: random.pick(PARTIAL) });
  if (work.kind !== 'selectionUpdate' && random.chance(0.3))
    rules.push({
      match: { method: 'GET', family: 'preferences' },
      probability: 0.01,
      fault: { status: 503 },
    });
  if (work.kind === 'listLoad' && random.chance(0.3))
    rules.push({ match: { path: '/suppressions$' }, times: 2, fault: { status: 503 } });
  if (random.chance(0.3))
    rules.push({ match: { path: '^/oauth2/token$' }, times: 2, fault: { status: 500 } });
  if (random.chance(0.5))
    rules.push({ match: { family: 'webhooks' }, probability: share(), times: 2, fault: { status: 503 } });
  return rules;
}
