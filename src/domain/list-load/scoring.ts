/**
 * Scores of list items. The rules are data: they are part of a run's input, so that a repetition cannot choose another winner
 * (docs/list-load.md#scores). Pure.
 */
import type { Reason } from '../run.ts';

export type ScoringRules = RuleScoring | ColumnScoring;

/** The score is the value of a field: a plain decimal number. */
export interface ColumnScoring {
  readonly column: string;
}

/** The score is `base` plus what each rule adds that applies. */
export interface RuleScoring {
  readonly base: number;
  /** Every rule that applies counts. */
  readonly rules: readonly ScoreRule[];
  /** How values are read that rules compare with numbers. */
  readonly numbers?: Readonly<Record<string, NumberReading>>;
  /** The score is kept between these two for the priority; the order of the items follows the score as it is. Default 0 and 100. */
  readonly clamp?: { readonly min: number; readonly max: number };
}

/** Exactly one kind of condition: `equals`, `isGiven`, or one or more of the comparisons with numbers, which must all be true. */
export interface ScoreRule {
  readonly field: string;
  /** The value is one of these, without regard to case and surrounding blanks. */
  readonly equals?: string | readonly string[];
  /** Whether the field has a value. */
  readonly isGiven?: boolean;
  readonly below?: number;
  readonly above?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  /** May be negative. */
  readonly add: number;
}

export interface NumberReading {
  /** What counts if there is no value, no number, or one out of range. Default: no comparison is true. */
  readonly missing?: number;
  /** A smaller number counts as missing. */
  readonly min?: number;
  /** A greater number counts as missing. */
  readonly max?: number;
}

/** The rules of the campaign list tutorial (docs/cxone-contract.md#campaign-lists). */
export const DEFAULT_SCORING: RuleScoring = {
  base: 50,
  numbers: { last_contact_days: { missing: 30, min: 0 } },
  rules: [
    { field: 'last_contact_days', below: 14, add: 20 },
    { field: 'last_contact_days', above: 90, add: -15 },
    { field: 'engagement_rating', equals: 'HIGH', add: 25 },
    { field: 'engagement_rating', equals: 'LOW', add: -20 },
    { field: 'customer_status', equals: 'ACTIVE', add: 15 },
  ],
  clamp: { min: 0, max: 100 },
};

/** A part of a score, in words without the value of a field. */
export interface Component {
  /** E.g. `base`, `last_contact_days below 14`, `last_contact_days is not a number from 0 on: counts as 30`. */
  readonly what: string;
  /** 0 for what only explains another component. */
  readonly add: number;
}

export interface Score {
  /** Decides the order. */
  readonly score: number;
  /** Decides the priority. */
  readonly clamped: number;
  /** Their sum is `score`. */
  readonly components: readonly Component[];
}

/** The text of a field; undefined: the row has none. */
type FieldLookup = (name: string) => string | undefined;

export function isColumnScoring(rules: ScoringRules): rules is ColumnScoring {
  return 'column' in rules;
}

export function scoreItem(
  lookup: FieldLookup,
  rules: ScoringRules,
): Score | { readonly reasons: readonly Reason[] } {
  if (isColumnScoring(rules)) return scoreByColumn(lookup, rules.column);
  const readings = readNumbers(lookup, rules);
  const components = [
    { what: 'base', add: rules.base },
    ...readings.notes,
    ...rules.rules
      .filter((rule) => applies(rule, lookup, readings.numbers))
      .map((rule) => ({ what: describeRule(rule), add: rule.add })),
  ];
  const score = components.reduce((sum, { add }) => sum + add, 0);
  return { score, clamped: clamp(score, rules.clamp ?? DEFAULT_CLAMP), components };
}

const DEFAULT_CLAMP = { min: 0, max: 100 };

/** 0 to 10, as the tutorial derives it from a score of 0 to 100. */
export function priorityOf(clamped: number): number {
  return clamp(Math.floor(clamped / 10), { min: 0, max: 10 });
}

function clamp(value: number, { min, max }: { readonly min: number; readonly max: number }): number {
  return Math.min(max, Math.max(min, value));
}

function scoreByColumn(lookup: FieldLookup, column: string): Score | { readonly reasons: readonly Reason[] } {
  const score = parseNumber(lookup(column) ?? '');
  if (score === null) {
    const message = 'write a plain number such as 8.5: no comma, no blank cell';
    return { reasons: [{ code: 'score_not_a_number', field: column, message }] };
  }
  return { score, clamped: clamp(score, DEFAULT_CLAMP), components: [{ what: column, add: score }] };
}

/** `.` is the only separator, because `8,5` and `1.234,5` mean different numbers in different countries. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,3})?$/i;

/** null: blank, or anything that is not a plain decimal number, e.g. `8,5`, `0x10`, `NaN`, `Infinity`, `1e999`. */
export function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  const value = NUMBER.test(trimmed) ? Number(trimmed) : Number.NaN;
  // Plus 0, because -0 and 0 are one score, but different texts.
  return Number.isFinite(value) ? value + 0 : null;
}

interface Readings {
  /** By field; null: there is nothing to compare. */
  readonly numbers: ReadonlyMap<string, number | null>;
  readonly notes: readonly Component[];
}

/** The values that rules compare with numbers, each read once. */
function readNumbers(lookup: FieldLookup, { rules, numbers = {} }: RuleScoring): Readings {
  const fields = new Set(rules.filter(comparesNumbers).map(({ field }) => field));
  const read = new Map<string, number | null>();
  const notes: Component[] = [];
  for (const field of fields) {
    const reading = Object.hasOwn(numbers, field) ? numbers[field] : undefined;
    const { missing, min = -Infinity, max = Infinity } = reading ?? {};
    const text = lookup(field) ?? '';
    const value = parseNumber(text);
    if (value !== null && value >= min && value <= max) {
      read.set(field, value);
      continue;
    }
    read.set(field, missing ?? null);
    const problem = text.trim() === '' ? 'is missing' : `is not ${describeRange(min, max)}`;
    const effect = missing === undefined ? 'its rules do not apply' : `counts as ${missing}`;
    notes.push({ what: `${field} ${problem}: ${effect}`, add: 0 });
  }
  return { numbers: read, notes };
}

function describeRange(min: number, max: number): string {
  if (min !== -Infinity && max !== Infinity) return `a number from ${min} to ${max}`;
  if (min !== -Infinity) return `a number from ${min} on`;
  return max === Infinity ? 'a number' : `a number up to ${max}`;
}

export function comparesNumbers({ below, above, atMost, atLeast }: ScoreRule): boolean {
  return [below, above, atMost, atLeast].some((limit) => limit !== undefined);
}

function applies(rule: ScoreRule, lookup: FieldLookup, numbers: ReadonlyMap<string, number | null>): boolean {
  const { field, equals, isGiven, below, above, atMost, atLeast } = rule;
  if (equals !== undefined) {
    const value = fold(lookup(field) ?? '');
    return value !== '' && toList(equals).some((each) => fold(each) === value);
  }
  if (isGiven !== undefined) return ((lookup(field) ?? '').trim() !== '') === isGiven;
  const value = numbers.get(field) ?? null;
  if (value === null) return false;
  return (
    (below === undefined || value < below) &&
    (above === undefined || value > above) &&
    (atMost === undefined || value <= atMost) &&
    (atLeast === undefined || value >= atLeast)
  );
}

const fold = (text: string): string => text.trim().toLowerCase();
const toList = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value;

/** `last_contact_days at least 14 and below 90` */
function describeRule({ field, equals, isGiven, below, above, atMost, atLeast }: ScoreRule): string {
  if (equals !== undefined) return `${field} is ${toList(equals).join(' or ')}`;
  if (isGiven !== undefined) return `${field} is ${isGiven ? 'given' : 'not given'}`;
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ];
  return `${field} ${limits.join(' and ')}`;
}
