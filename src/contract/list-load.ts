/** List load: rows of a source become items of a CXone list, from which a campaign dials. */
import { type CallingHours, callingHoursProblems } from '../domain/list-load/calling-hours.ts';
import { listMapProblems } from '../domain/list-load/columns.ts';
import { DEFAULT_DEDUPLICATE_BY, type FieldSchema, type ItemRules } from '../domain/list-load/items.ts';
import { keyProblems, schemaProblems, scoringProblems } from '../domain/list-load/rules.ts';
import { DEFAULT_SCORING, type ScoringRules } from '../domain/list-load/scoring.ts';
import {
  type Checked,
  type ChecksOf,
  COMMON_FIELDS,
  checkFields,
  flag,
  identifier,
  idText,
  oneOf,
  phoneCountry,
  source,
} from './input.ts';
import type { BulkResult, CommonInput, Source } from './run.ts';
import type { OperationSpec } from './spec.ts';

const OUTSIDE_HOURS = ['wait', 'reject'] as const;
export type OutsideHours = (typeof OUTSIDE_HOURS)[number];

export interface ListLoadInput extends CommonInput {
  readonly listId: string;
  /** Whose capacity the items take up. */
  readonly campaignId: string;
  readonly source: Source;
  /** Names of fields: rows that share the value of one of them are duplicates. Default `["phone_number"]`. */
  readonly deduplicateBy?: readonly string[];
  /** Country of phone numbers without a country code: two letters (ISO 3166), e.g. `US`. Default: only E.164 is read. */
  readonly country?: string;
  /** What the best records are. Default: the rules of the campaign list tutorial. */
  readonly scoring?: ScoringRules;
  /** Which fields the list takes. Default: any. */
  readonly schema?: FieldSchema;
  /** If the campaign has too little room, load the best that fit, and cancel the rest. Default false: the run fails. */
  readonly fit?: boolean;
  /** Id of a dataset that the client staged: people who must not be called, in addition to CXone's list. */
  readonly suppress?: string;
  /** When people may be called; docs/list-load-calling-hours.md. Default: at any time. */
  readonly callingHours?: CallingHours;
  /**
   * With callingHours: what becomes of somebody who may not be called when their batch is due: the run waits for the first permitted moment, or
   * the record is rejected. Default `wait`.
   */
  readonly outsideHours?: OutsideHours;
  /** The hash of a suppression list that cxflow does not rely on by itself, and a person does. */
  readonly acceptSuppressions?: string;
}

export interface ListLoadResult extends BulkResult {
  readonly kind: 'listLoad';
  readonly listId: string;
  readonly campaignId: string;
  /** Items of the campaign before and after the load. null: the run ended before it read the campaign. */
  readonly capacity: { readonly before: number; readonly after: number; readonly max: number } | null;
  /** The suppression list that the run relied on last. null: it ended before it read one. */
  readonly suppressions: {
    readonly hash: string;
    readonly entries: number;
    /** Entries and rows of the file that identify nobody or cannot be read in full. */
    readonly unidentified: number;
    /** Rows of the file with further people (`suppress`); null: the run has none. */
    readonly fileRows: number | null;
    /** ISO 8601, UTC. */
    readonly readAt: string;
  } | null;
  /**
   * Records that this run created although their people are on a suppression list by now: on ours, or on CXone's as the run read
   * it last. null: not known, because that one may not be relied on.
   */
  readonly objectedSince: number | null;
  /** Records that were rejected for their calling hours or because nobody can tell their time zone; they were never sent. */
  readonly outsideHours: number;
  readonly metrics: ListLoadMetrics;
}

/** What the plan of a list load says beyond those of other operations (`figures`). An approval binds to it. */
export interface ListLoadFigures {
  /** Items of the campaign before and after the load, and at most. */
  readonly capacity: {
    readonly before: number;
    readonly after: number;
    readonly max: number;
    /** What other runs are going to add meanwhile. */
    readonly reserved: number;
  };
  /** The suppression list of CXone that the plan relies on. */
  readonly suppressions: {
    readonly hash: string;
    readonly entries: number;
    /** Entries and rows of the file that identify nobody or cannot be read in full. */
    readonly unidentified: number;
    /** Rows of the file with further people (`suppress`); null: the run has none. */
    readonly fileRows: number | null;
  };
  /**
   * Suppressed records by list, and by what they were found: `phone number`, `email address` or `contact id`. Whoever is on
   * both lists counts in both.
   */
  readonly suppressed: readonly {
    readonly list: 'cxone' | 'own';
    readonly by: string;
    readonly n: number;
  }[];
  /** How many of the items to load have a score below 10, from 10 to below 20, and so on: ten numbers. */
  readonly scores: readonly number[];
}

/**
 * What a plan with calling hours says about the time at which it was made (`outlook`). It changes by itself, so an approval does not
 * bind to it.
 */
export interface ListLoadOutlook {
  /** When it was made: ISO 8601, UTC. */
  readonly at: string;
  /** Records whose people might be called then. */
  readonly callable: number;
  /** Those outside their hours. */
  readonly outsideHours: number;
  /** The first time at which any of those outside their hours may be called: ISO 8601, UTC. null: there are none. */
  readonly firstMoment: string | null;
  /** Those of whom nobody can say. */
  readonly unknown: number;
}

/** As in the event `list_update_complete` (docs/cxone-contract.md#webhook-events). */
export interface ListLoadMetrics {
  /** Rows of the source. */
  readonly rawIngested: number;
  /** Rows that are neither invalid, suppressed nor duplicates. */
  readonly uniqueProcessed: number;
  /** Duplicates per 100 rows, e.g. `33.33%`. */
  readonly deduplicationRate: string;
  /** Items that were answered, per minute from the first request to the last answer, e.g. `12.0`. */
  readonly throughputPerMinute: string;
  readonly successes: number;
  /** Items that the list had already. They are successes too. */
  readonly conflicts: number;
  /** Items that CXone has refused, and those in doubt. */
  readonly failures: number;
  readonly suppressed: number;
  readonly invalid: number;
  readonly cancelled: number;
}

const FIELDS = {
  listId: identifier,
  campaignId: identifier,
  source,
  // ruleProblems checks these four.
  deduplicateBy: () => null,
  scoring: () => null,
  schema: () => null,
  callingHours: () => null,
  outsideHours: oneOf(...OUTSIDE_HOURS),
  country: phoneCountry,
  fit: flag,
  suppress: idText,
  acceptSuppressions: idText,
  ...COMMON_FIELDS,
} satisfies ChecksOf<ListLoadInput>;

export const listLoad: OperationSpec<'listLoad', ListLoadInput> = {
  kind: 'listLoad',
  stem: 'list-load',
  identity: 'once',
  check: checkInput,
  target: ({ listId }) => listId,
  title: ({ listId, campaignId }) => `List load to list ${listId} for campaign ${campaignId}`,
  // What a person accepts decides whether the run goes on, not what it writes.
  fingerprint: (input) => ({
    campaignId: input.campaignId,
    ...itemRules(input),
    map: ('map' in input.source && input.source.map) || {},
    fit: input.fit ?? false,
    // The id of a dataset is made of its content.
    ...(input.suppress !== undefined && { suppress: input.suppress }),
    ...hoursFingerprint(input),
  }),
  columnProblems: listMapProblems,
};

/** Empty without calling hours. */
function hoursFingerprint({ callingHours, outsideHours = 'wait' }: ListLoadInput): object {
  return callingHours ? { callingHours, outsideHours } : {};
}

/** The rules for rows, with defaults filled in. */
export function itemRules({
  deduplicateBy,
  scoring,
  schema,
  callingHours,
  country,
}: Pick<ListLoadInput, 'deduplicateBy' | 'scoring' | 'schema' | 'callingHours' | 'country'>): ItemRules {
  return {
    deduplicateBy: deduplicateBy ?? DEFAULT_DEDUPLICATE_BY,
    scoring: scoring ?? DEFAULT_SCORING,
    schema: schema ?? null,
    ...(callingHours && { hasCallingHours: true }),
    ...(country !== undefined && { country: country.toUpperCase() }),
  };
}

function checkInput(value: unknown): Checked<ListLoadInput> {
  return checkFields(value, FIELDS, ['listId', 'campaignId', 'source'], ruleProblems(value));
}

function ruleProblems(value: unknown): readonly string[] {
  const given = (value ?? {}) as Partial<Record<keyof ListLoadInput, unknown>>;
  const { deduplicateBy, scoring, schema, callingHours, outsideHours } = given;
  const problems = [
    ...(deduplicateBy === undefined ? [] : keyProblems(deduplicateBy, 'deduplicateBy')),
    ...(scoring === undefined ? [] : scoringProblems(scoring, 'scoring')),
    ...(schema === undefined ? [] : schemaProblems(schema, 'schema')),
    ...(callingHours === undefined ? [] : callingHoursProblems(callingHours, 'callingHours')),
  ];
  return [
    ...problems.map(({ path, message }) => `${path} ${message}`),
    ...(outsideHours !== undefined && callingHours === undefined ? ['outsideHours needs callingHours'] : []),
  ];
}
