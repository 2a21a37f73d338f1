/**
 * What becomes of the messages that the simulator accepts: rules for jobs and for recipients. It is decided when a message is
 * accepted, by the seed and by the address, so that neither a restart nor the order of requests changes it. Pure.
 */
import { z } from 'zod';
import { isRegExp } from './faults.ts';
import { mulberry32 } from './random.ts';

const SECONDS = z.number().min(0);
const PROBABILITY = z.number().min(0).max(1).default(1);

const LIFECYCLE = z.strictObject({
  /** How long the job is a 404, after it was accepted. */
  hiddenSeconds: SECONDS.default(0),
  /** How long it is queued after that. */
  queuedSeconds: SECONDS.default(1),
  /** How long it is processing after that. */
  processingSeconds: SECONDS.default(1),
  /** Its status while it is processing. */
  processingAs: z.string().default('processing'),
  /** `stuck`: it is processing forever. */
  ends: z.enum(['completed', 'failed', 'cancelled', 'stuck']).default('completed'),
  /** The share of the recipients, from the first on, that have events. Default: 0 for a job that fails or is cancelled, else 1. */
  reaches: z.number().min(0).max(1).optional(),
  spamScore: z.number().optional(),
});
export type Lifecycle = z.infer<typeof LIFECYCLE>;
/** Some of its parts, to change a job. */
export const LIFECYCLE_CHANGE = z
  .strictObject({
    ...LIFECYCLE.shape,
    ends: LIFECYCLE.shape.ends.unwrap(),
    hiddenSeconds: SECONDS,
    queuedSeconds: SECONDS,
    processingSeconds: SECONDS,
    processingAs: z.string(),
  })
  .partial();
export type LifecycleChange = z.infer<typeof LIFECYCLE_CHANGE>;

const JOB_RULE = z.strictObject({
  /** Only the n-th job, from 1. */
  job: z.number().int().positive().optional(),
  probability: PROBABILITY,
  ...LIFECYCLE.shape,
});

const EFFECTS = [
  'nothing',
  'delivered',
  'deferred',
  'soft',
  'hard',
  'policy',
  'complaint',
  'auto_reply',
  'unsubscribe',
  'open',
  'click',
  'click_only',
  'machine',
] as const;

const BEHAVIOUR = z.strictObject({
  does: z.enum(EFFECTS).default('delivered'),
  /** Of the events, from the time when the job processes the recipient. */
  delaySeconds: SECONDS.default(0),
  /** What follows a delivery does so after this time. */
  followUpSeconds: SECONDS.default(0),
  /** How long after their timestamps the events are there to be read. */
  lateSeconds: SECONDS.default(0),
  /** How often each event is there. */
  copies: z.number().int().positive().default(1),
  /** The last event is there first. */
  outOfOrder: z.boolean().default(false),
  withoutEventId: z.boolean().default(false),
  /** Instead of those of the bounce. */
  bounceCode: z.string().optional(),
  bounceDescription: z.string().optional(),
  bounceType: z.string().optional(),
  /** In addition, in any shape; its other fields replace those that every event has. */
  events: z.array(z.looseObject({ eventType: z.string(), seconds: SECONDS.default(0) })).default([]),
});
export type Behaviour = z.infer<typeof BEHAVIOUR>;

const RECIPIENT_RULE = z.strictObject({
  /** A regular expression for the address in lower case. Default: every address. */
  address: z.string().refine(isRegExp, 'must be a regular expression').optional(),
  probability: PROBABILITY,
  /** How many messages to one address meet this rule; the following ones are delivered. Default: all. */
  times: z.number().int().positive().optional(),
  ...BEHAVIOUR.shape,
});

export const EMAIL_PLAN = z.strictObject({
  /** The first one that applies decides. Without any, a job is queued and processing for a second each, and completed. */
  jobs: z.array(JOB_RULE).default([]),
  /** The first one that applies decides. Without any, a message is delivered. */
  recipients: z.array(RECIPIENT_RULE).default([]),
  /** Whether people behind the rules do all sorts of things, by the seed; see MIXED. */
  mixed: z.boolean().default(false),
});
export type EmailPlan = z.infer<typeof EMAIL_PLAN>;
export type EmailPlanInput = z.input<typeof EMAIL_PLAN>;

/** Of those that no earlier rule concerns. */
const MIXED: EmailPlan['recipients'] = z.array(RECIPIENT_RULE).parse([
  { probability: 0.02, does: 'hard' },
  { probability: 0.04, does: 'soft', times: 1 },
  { probability: 0.01, does: 'policy' },
  { probability: 0.002, does: 'complaint' },
  { probability: 0.01, does: 'unsubscribe' },
  { probability: 0.02, does: 'auto_reply' },
  { probability: 0.05, does: 'machine' },
  { probability: 0.1, does: 'click' },
  { probability: 0.25, does: 'open' },
]);

export interface Mail {
  /** Folded. */
  readonly address: string;
  /** How many messages to this address have been accepted before. */
  readonly earlier: number;
}

/** @param number of the job, from 1; `first` is its first recipient */
export function decideLifecycle(
  { jobs }: EmailPlan,
  seed: number,
  { number, first }: { readonly number: number; readonly first: Mail },
): Lifecycle {
  const rule = jobs.find(
    ({ job, probability }, index) =>
      (job ?? number) === number && draw(seed, first, `job ${index}`) < probability,
  );
  const { job: _j, probability: _p, ...lifecycle } = rule ?? JOB_RULE.parse({});
  return lifecycle;
}

export function decideBehaviour({ recipients, mixed }: EmailPlan, seed: number, mail: Mail): Behaviour {
  const rules = mixed ? [...recipients, ...MIXED] : recipients;
  // A message after the last one that a rule concerns is delivered, and not left to the rules behind it.
  const rule = rules.find(
    ({ address, probability, times }, index) =>
      (address === undefined || new RegExp(address).test(mail.address)) &&
      draw(seed, times === undefined ? mail : { ...mail, earlier: 0 }, `recipient ${index}`) < probability,
  );
  if (rule === undefined || mail.earlier >= (rule.times ?? Infinity)) return DELIVERED;
  const { address: _a, probability: _p, times: _t, ...behaviour } = rule;
  return behaviour;
}

const DELIVERED = BEHAVIOUR.parse({});

/** From 0 to 1. */
export function draw(seed: number, { address, earlier }: Mail, purpose: string): number {
  return mulberry32(seed ^ hash(`${purpose}\n${address}\n${earlier}`))();
}

/** FNV-1a (Fowler, Noll, Vo; public domain), 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}
