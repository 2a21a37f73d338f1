/**
 * Whether a first share of an email goes well enough to send the rest: Wald's sequential probability ratio test, cut off at the end
 * of the share (docs/email-send-events.md#canary). Pure.
 */
import { percentOf } from '../numbers.ts';
import { countBounced, type DeliveryCounts } from './figures.ts';

export interface CanaryMeasure {
  readonly name: 'bounce' | 'complaint' | 'failure';
  /** With this rate or a lower one the rest should be sent. Rates are between 0 and 1, exclusive. */
  readonly acceptable: number;
  /** With this rate or a higher one it should not. Above `acceptable`; in between, either is right. */
  readonly unacceptable: number;
  /** How often an acceptable rate may pause the run, at most. Between 0 and 1, exclusive, like `beta`. */
  readonly alpha: number;
  /** How often an unacceptable rate may let the run continue, at most. */
  readonly beta: number;
}

/**
 * Engineering defaults. Amazon SES reviews senders from bounce rates of 5 % on (Amazon SES Developer Guide, sending review
 * process); Google asks for complaint rates below 0.1 %, and never 0.3 % (Email sender guidelines). alpha is smaller than beta,
 * because each of the three measures may pause a good send.
 */
export const CANARY_MEASURES: readonly CanaryMeasure[] = [
  { name: 'bounce', acceptable: 0.02, unacceptable: 0.05, alpha: 0.01, beta: 0.05 },
  { name: 'complaint', acceptable: 0.001, unacceptable: 0.003, alpha: 0.01, beta: 0.05 },
  { name: 'failure', acceptable: 0.01, unacceptable: 0.05, alpha: 0.01, beta: 0.05 },
];

/** `undecided`: the messages do not suffice to say. A run pauses and asks then, too. */
export type CanaryVerdict = 'continue' | 'pause' | 'undecided';

/** Of a number of messages, so many bounced, complained about or failed ones decide. */
export interface CanaryLimits {
  /** The run continues with at most so many; null: with none either, because the messages are too few. */
  readonly continueUpTo: number | null;
  /** The run pauses from so many on; may be more than there are messages. */
  readonly pauseFrom: number;
}

export function canaryLimits(measure: CanaryMeasure, messages: number): CanaryLimits {
  const { hit, miss, accept, reject } = weights(measure);
  const upTo = Math.floor((accept - messages * miss) / (hit - miss));
  return {
    continueUpTo: upTo < 0 ? null : upTo,
    pauseFrom: Math.ceil((reject - messages * miss) / (hit - miss)),
  };
}

/**
 * What each message adds to the logarithm of the likelihood ratio, and its two limits. With 1/alpha and beta as limits of the ratio,
 * alpha and beta bound the rates of error however often and whenever it is evaluated (Ville's inequality), also at the end of a
 * share that decides nothing. Wald's own limits, a little closer, promise that only approximately.
 */
function weights({ acceptable, unacceptable, alpha, beta }: CanaryMeasure) {
  return {
    hit: Math.log(unacceptable / acceptable),
    miss: Math.log((1 - unacceptable) / (1 - acceptable)),
    accept: Math.log(beta),
    reject: -Math.log(alpha),
  };
}

/** Probabilities; they add up to 1. */
export type CanaryOutlook = Readonly<Record<CanaryVerdict, number>>;

export interface PlannedMeasure extends CanaryMeasure, CanaryLimits {
  /** The fewest messages that suffice to continue: without a single bounce, complaint or failure among them. */
  readonly fewest: number;
  /** How many messages the test needs on average, by Wald's approximation, if there were enough of them. */
  readonly expected: Readonly<Record<'ifAcceptable' | 'ifUnacceptable', number>>;
  /** What comes out at the end of the share, if the rate is exactly the acceptable or the unacceptable one. */
  readonly outlook: Readonly<Record<'ifAcceptable' | 'ifUnacceptable', CanaryOutlook>>;
}

export interface CanaryPlan {
  /** How many messages are sent first. The test never has more. */
  readonly messages: number;
  readonly measures: readonly PlannedMeasure[];
  /** How often a send is found bad although all its rates are acceptable, at most. Undecided ones are not among them. */
  readonly falsePause: number;
  /** How often a send continues although one of its rates is unacceptable, at most. */
  readonly falseContinue: number;
  /** Whether the messages suffice to continue at all. Otherwise the run asks in any case. */
  readonly canContinue: boolean;
}

/** @param percent more than 0, at most 100 */
export function planCanary(
  { recipients, percent }: { readonly recipients: number; readonly percent: number },
  measures: readonly CanaryMeasure[] = CANARY_MEASURES,
): CanaryPlan {
  // 7 % of 100 must not be 8 because of what floating point adds.
  const messages = Math.min(recipients, Math.ceil(Number(((recipients * percent) / 100).toFixed(6))));
  const planned = measures.map((measure) => planMeasure(measure, messages));
  return {
    messages,
    measures: planned,
    falsePause: Math.min(
      1,
      measures.reduce((sum, { alpha }) => sum + alpha, 0),
    ),
    falseContinue: Math.max(0, ...measures.map(({ beta }) => beta)),
    canContinue: planned.every(({ continueUpTo }) => continueUpTo !== null),
  };
}

function planMeasure(measure: CanaryMeasure, messages: number): PlannedMeasure {
  const { acceptable, unacceptable, alpha, beta } = measure;
  const { hit, miss, accept, reject } = weights(measure);
  const drift = (rate: number) => rate * hit + (1 - rate) * miss;
  const limits = canaryLimits(measure, messages);
  return {
    ...measure,
    ...limits,
    fewest: Math.ceil(accept / miss),
    expected: {
      ifAcceptable: Math.ceil(((1 - alpha) * accept + alpha * reject) / drift(acceptable)),
      ifUnacceptable: Math.ceil((beta * accept + (1 - beta) * reject) / drift(unacceptable)),
    },
    outlook: {
      ifAcceptable: outlook(limits, messages, acceptable),
      ifUnacceptable: outlook(limits, messages, unacceptable),
    },
  };
}

function outlook({ continueUpTo, pauseFrom }: CanaryLimits, messages: number, rate: number): CanaryOutlook {
  const upTo = continueUpTo === null ? 0 : atMost(continueUpTo, messages, rate);
  const below = atMost(pauseFrom - 1, messages, rate);
  return { continue: upTo, undecided: below - upTo, pause: 1 - below };
}

/** The probability of at most `most` of `messages`, each with this probability: the binomial distribution. */
function atMost(most: number, messages: number, rate: number): number {
  if (most >= messages) return 1;
  let logarithm = messages * Math.log1p(-rate);
  let sum = Math.exp(logarithm);
  for (let k = 1; k <= most; k += 1) {
    logarithm += Math.log((messages - k + 1) / k) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(logarithm);
  }
  return Math.min(1, sum);
}

export interface EvaluatedMeasure extends CanaryLimits {
  readonly name: CanaryMeasure['name'];
  readonly verdict: CanaryVerdict;
  /** Bounced, complained about, failed. */
  readonly hits: number;
  /** Of so many messages whose outcome is known. */
  readonly messages: number;
  /** Two decimals; null: of none. */
  readonly ratePercent: number | null;
  /** So many more messages without another one would suffice to continue; 0 if they do already. */
  readonly missing: number;
}

export interface CanaryEvaluation {
  /** The worst of the measures. */
  readonly verdict: CanaryVerdict;
  readonly measures: readonly EvaluatedMeasure[];
}

/** Evaluates what is known of the first share, at any time and as often as desired. */
export function evaluateCanary(
  counts: DeliveryCounts,
  measures: readonly CanaryMeasure[] = CANARY_MEASURES,
): CanaryEvaluation {
  const evaluated = measures.map((measure) => evaluateMeasure(measure, counts));
  const verdicts = evaluated.map(({ verdict }) => verdict);
  const worst = (['pause', 'undecided'] as const).find((each) => verdicts.includes(each));
  return { verdict: worst ?? 'continue', measures: evaluated };
}

function evaluateMeasure(measure: CanaryMeasure, counts: DeliveryCounts): EvaluatedMeasure {
  const { hits, messages } = observe(measure.name, counts);
  const limits = canaryLimits(measure, messages);
  const { hit, miss, accept } = weights(measure);
  const isEnough = hits <= (limits.continueUpTo ?? -1);
  const needed = Math.ceil((accept - hits * (hit - miss)) / miss);
  return {
    name: measure.name,
    ...limits,
    verdict: hits >= limits.pauseFrom ? 'pause' : isEnough ? 'continue' : 'undecided',
    ...{ hits, messages, ratePercent: percentOf(hits, messages) },
    missing: isEnough ? 0 : Math.max(1, needed - messages),
  };
}

interface Observation {
  readonly hits: number;
  readonly messages: number;
}

/**
 * Only messages whose outcome is known are evidence. Those that are merely accepted, or in doubt, would make every rate look better
 * than it is.
 */
function observe(name: CanaryMeasure['name'], counts: DeliveryCounts): Observation {
  const { delivered, bounced, failed, ofDelivered } = counts;
  const bouncedTotal = countBounced(bounced);
  switch (name) {
    case 'bounce':
      return { hits: bouncedTotal, messages: delivered + bouncedTotal };
    case 'complaint':
      return { hits: ofDelivered.complained, messages: delivered };
    case 'failure':
      return { hits: failed, messages: delivered + bouncedTotal + failed };
  }
}
