/** The fault plan: decides which fault is injected into which request. The same seed gives the same decisions. */
import { z } from 'zod';
import { FAMILY_NAMES } from '../cxone/families.wire.ts';
import { mulberry32 } from './random.ts';

/** Parts may be combined: `{"delayMs": 500, "status": 503}`. docs/simulator.md describes each of them. */
const FAULT = z
  .strictObject({
    delayMs: z.number().min(0),
    status: z.number().int().min(300).max(599),
    /** For `status`, `html` and `raw`: `after` carries out the request nevertheless. Default `before`. */
    when: z.enum(['before', 'after']),
    retryAfter: z.union([z.number(), z.string()]),
    /** Where a redirect (`status` 3xx) leads. */
    location: z.string(),
    body: z.unknown(),
    hang: z.literal(true),
    /** Reads one byte of the body per second and never answers: a body larger than the kernel's buffers cannot be sent. */
    slowRead: z.literal(true),
    reset: z.enum(['before', 'after']),
    answerLost: z.literal(true),
    truncate: z.union([z.literal(true), z.enum(['clean', 'cut'])]),
    html: z.literal(true),
    /** Sent unchanged instead of the answer, with status 200 and the content type JSON. */
    raw: z.string(),
    /** Sends the answer one byte at a time, starting with its headers or with its body. */
    drip: z.enum(['headers', 'body']),
    /** Milliseconds between two bytes of a `drip`. Default 250, too slow for any answer to arrive within a deadline. */
    dripMs: z.number().positive(),
    /** The last n records or items are not created, and no warning names them. */
    dropRecords: z.number().int().positive(),
    /** All records or items are created, but n fewer are reported. */
    underreport: z.number().int().positive(),
  })
  .partial()
  .refine((fault) => Object.keys(fault).length > 0, 'a fault must have at least one part');
export type Fault = z.infer<typeof FAULT>;

const FAULT_RULE = z.strictObject({
  match: z
    .strictObject({
      method: z.string().toUpperCase(),
      /** Regular expression for the path without the query. */
      path: z.string().refine(isRegExp, 'must be a regular expression'),
      /** Regular expression for the query without its `?`, for example to match one contact. */
      query: z.string().refine(isRegExp, 'must be a regular expression'),
      /** Matches the family's API routes; only `path` matches its token endpoint. */
      family: z.enum([...FAMILY_NAMES, 'webhooks']),
    })
    .partial()
    .default({}),
  /** How many matches pass before the first fault. */
  after: z.number().int().min(0).default(0),
  /** The maximum number of faults; default: no limit. */
  times: z.number().int().positive().optional(),
  /** For each match; default 1. */
  probability: z.number().min(0).max(1).default(1),
  fault: FAULT,
});
export const FAULT_RULES = z.array(FAULT_RULE);
export type FaultRule = z.input<typeof FAULT_RULE>;

export interface MatchedRequest {
  readonly method: string;
  readonly path: string;
  /** Without its `?`. */
  readonly query?: string;
  readonly family: string | null;
  /** It only asks whether CXone answers. */
  readonly isProbe?: boolean;
}

/** Errors: ZodError for invalid rules. */
export function createFaultPlan(seed: number, input: readonly FaultRule[] = []) {
  let rules = load(input);

  function load(next: readonly FaultRule[]) {
    return FAULT_RULES.parse(next).map((rule, index) => ({
      ...rule,
      path: rule.match.path === undefined ? null : new RegExp(rule.match.path),
      query: rule.match.query === undefined ? null : new RegExp(rule.match.query),
      // One sequence per rule, so that the decision on its n-th match does not depend on other rules or requests.
      random: mulberry32(seed + index * 0x9e3779b9),
      matches: 0,
      injected: 0,
    }));
  }
  type Loaded = ReturnType<typeof load>[number];

  function shouldInject(rule: Loaded, request: MatchedRequest): boolean {
    const { method, family } = rule.match;
    if (method !== undefined && method !== request.method) return false;
    if (family !== undefined && family !== request.family) return false;
    if (rule.path !== null && !rule.path.test(request.path)) return false;
    if (rule.query !== null && !rule.query.test(request.query ?? '')) return false;
    // Only an outage concerns a probe; a fault that strikes some requests is meant for those that carry something.
    if (request.isProbe)
      return rule.times === undefined && rule.probability === 1 && rule.matches >= rule.after;
    rule.matches += 1;
    const draw = rule.random();
    if (rule.matches <= rule.after || draw >= rule.probability) return false;
    if (rule.times !== undefined && rule.injected >= rule.times) return false;
    rule.injected += 1;
    return true;
  }
  return {
    /** The first rule that injects a fault decides; later rules do not count the request as a match. */
    next(request: MatchedRequest): Fault | null {
      return rules.find((rule) => shouldInject(rule, request))?.fault ?? null;
    },
    replace(next: readonly FaultRule[]): void {
      rules = load(next);
    },
    report: () => rules.map(({ match, fault, matches, injected }) => ({ match, fault, matches, injected })),
  };
}
export type FaultPlan = ReturnType<typeof createFaultPlan>;

/** The header for a rule's `retryAfter`: `5`, `"http-date-in-5"`, or any text, valid or not. */
export function retryAfterHeader(value: number | string, nowMs: number): string {
  const seconds = /^http-date-in-(-?\d+)$/.exec(String(value))?.[1];
  return seconds === undefined ? String(value) : new Date(nowMs + Number(seconds) * 1000).toUTCString();
}

export function isRegExp(source: string): boolean {
  try {
    return new RegExp(source) instanceof RegExp;
  } catch {
    return false;
  }
}
