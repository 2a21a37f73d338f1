/** The plan of faults: which request meets which, the same for the same seed. */
import { z } from 'zod';
import { FAMILY_NAMES } from './families.ts';
import { mulberry32 } from './random.ts';

/** Parts may be combined: `{"delayMs": 500, "status": 503}`. What each does: docs/simulator.md. */
export const FAULT = z
  .strictObject({
    delayMs: z.number().min(0),
    status: z.number().int().min(300).max(599),
    /** Of `status`, `html` and `raw`: whether the request is carried out all the same. Default `before`. */
    when: z.enum(['before', 'after']),
    retryAfter: z.union([z.number(), z.string()]),
    body: z.unknown(),
    hang: z.literal(true),
    /** A byte of the request's body a second, and no answer: what is larger than the kernel's buffers stays with its sender. */
    slowRead: z.literal(true),
    reset: z.enum(['before', 'after']),
    answerLost: z.literal(true),
    truncate: z.union([z.literal(true), z.enum(['clean', 'cut'])]),
    html: z.literal(true),
    /** Instead of the answer, as it stands: 200 and JSON by its headers, whatever the text is. */
    raw: z.string(),
    /** The answer a byte at a time, from its first header on or from its body on. */
    drip: z.enum(['headers', 'body']),
    /** Between two bytes of a `drip`. Default 250: nothing of any length arrives within a deadline. */
    dripMs: z.number().positive(),
    /** The last n records are not created, and nobody says so. */
    dropRecords: z.number().int().positive(),
    /** All are created, and n fewer reported. */
    underreport: z.number().int().positive(),
  })
  .partial()
  .refine((fault) => Object.keys(fault).length > 0, 'a fault does something');
export type Fault = z.infer<typeof FAULT>;

export const FAULT_RULE = z.strictObject({
  match: z
    .strictObject({
      method: z.string().toUpperCase(),
      /** Regular expression, tried on the path without the query. */
      path: z.string().refine(isRegExp, 'must be a regular expression'),
      /** Regular expression, tried on the query without its `?`: a fault that follows one contact. */
      query: z.string().refine(isRegExp, 'must be a regular expression'),
      /** The family's API routes; its token endpoint is matched by `path` only. */
      family: z.enum([...FAMILY_NAMES, 'webhooks']),
    })
    .partial()
    .default({}),
  /** Matches to let pass first. */
  after: z.number().int().min(0).default(0),
  /** How often it strikes at most. Default: for ever. */
  times: z.number().int().positive().optional(),
  /** Of each match. Default 1. */
  probability: z.number().min(0).max(1).default(1),
  fault: FAULT,
});
export const FAULT_RULES = z.array(FAULT_RULE);
export type FaultRule = z.input<typeof FAULT_RULE>;

export interface Subject {
  readonly method: string;
  readonly path: string;
  /** Without its `?`; default none. */
  readonly query?: string;
  readonly family: string | null;
}

/** Errors: ZodError for rules that are none. */
export function createFaultPlan(seed: number, input: readonly FaultRule[] = []) {
  let rules = load(input);

  function load(next: readonly FaultRule[]) {
    return FAULT_RULES.parse(next).map((rule, index) => ({
      ...rule,
      path: rule.match.path === undefined ? null : new RegExp(rule.match.path),
      query: rule.match.query === undefined ? null : new RegExp(rule.match.query),
      // One sequence for each rule: its n-th match meets the same fate whatever other rules and requests do.
      random: mulberry32(seed + index * 0x9e3779b9),
      matches: 0,
      strikes: 0,
    }));
  }
  type Loaded = ReturnType<typeof load>[number];

  function strikes(rule: Loaded, subject: Subject): boolean {
    const { method, family } = rule.match;
    if (method !== undefined && method !== subject.method) return false;
    if (family !== undefined && family !== subject.family) return false;
    if (rule.path !== null && !rule.path.test(subject.path)) return false;
    if (rule.query !== null && !rule.query.test(subject.query ?? '')) return false;
    rule.matches += 1;
    const draw = rule.random();
    if (rule.matches <= rule.after || draw >= rule.probability) return false;
    if (rule.times !== undefined && rule.strikes >= rule.times) return false;
    rule.strikes += 1;
    return true;
  }
  return {
    /** The first rule that strikes, in the order of the rules; those after it do not count the request. */
    next(subject: Subject): Fault | null {
      return rules.find((rule) => strikes(rule, subject))?.fault ?? null;
    },
    replace(next: readonly FaultRule[]): void {
      rules = load(next);
    },
    report: () => rules.map(({ match, fault, matches, strikes }) => ({ match, fault, matches, strikes })),
  };
}
export type FaultPlan = ReturnType<typeof createFaultPlan>;

/** `Retry-After` as the rule has it: `5`, `"http-date-in-5"`, or any text, to be as wrong as one likes. */
export function retryAfterHeader(value: number | string, nowMs: number): string {
  const seconds = /^http-date-in-(-?\d+)$/.exec(String(value))?.[1];
  return seconds === undefined ? String(value) : new Date(nowMs + Number(seconds) * 1000).toUTCString();
}

function isRegExp(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp;
  } catch {
    return false;
  }
}
