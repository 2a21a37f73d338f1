/** Reads the rows of a list of contacts whose eligibility is to be checked. Pure. */
import { type Audience, type ColumnMap, describeColumnProblems, matchColumns } from '../columns.ts';
import { contactIdProblem } from '../contact-id.ts';
import { withoutInvisible } from '../invisible.ts';
import { CHANNELS, type Channel, type ConsentFacts } from './eligibility.ts';

const ELIGIBILITY_FIELDS = ['contactId', 'channel', 'optInStatus', 'timeZone'] as const;
type Field = (typeof ELIGIBILITY_FIELDS)[number];
/** Field to column. */
export type EligibilityColumns = ReadonlyMap<string, string>;

/** A contact and channel to check, and what the row itself says about them. */
export interface Question extends Pick<ConsentFacts, 'optInStatus' | 'timeZone'> {
  /** `''`: the row has no contact id. */
  readonly contactId: string;
  readonly channel: Channel;
}
export type ReadQuestion =
  | { readonly question: Question }
  /** `field_ambiguous`: the row has two keys of the same name. */
  | { readonly reason: 'invalid_channel' | 'field_ambiguous' };

/** Does this reason mean that the row could not be checked? Then it says nothing about the consent. */
export function isUnanswered(reason: string): boolean {
  const codes = ['consent_unavailable', 'no_contact_id', 'invalid_channel', 'field_ambiguous'];
  return codes.includes(reason) || reason.startsWith('row_');
}

/**
 * For a source with a header.
 * @param options.hasChannel a channel is given for all rows
 */
export function resolveEligibilityColumns(
  columns: readonly string[],
  map: ColumnMap,
  { hasChannel, audience }: { readonly hasChannel: boolean; readonly audience: Audience },
): { readonly columns: EligibilityColumns } | { readonly problems: readonly string[] } {
  const { found, problems, rest } = matchColumns(columns, ELIGIBILITY_FIELDS, map);
  const named = new Set(problems.map(({ field }) => field));
  const needed = hasChannel ? ['contactId'] : ['contactId', 'channel'];
  const missing = needed.filter((field) => !found.has(field) && !named.has(field));
  const likely = (): string | undefined => rest[0];
  const all = describeColumnProblems({ problems, missing, columns, likely, audience });
  return all.length === 0 ? { columns: found } : { problems: all };
}

/** For NDJSON and JSON, whose columns are not known in advance: checks only that the fields of the map exist. */
export function eligibilityMapProblems(map: ColumnMap): readonly string[] {
  return matchColumns(Object.values(map), ELIGIBILITY_FIELDS, map).problems.map(({ message }) => message);
}

/**
 * @param columns null for NDJSON and JSON, where each row has its own keys. If two of them match the same field, none is
 * chosen
 */
export function readQuestion(
  fields: Readonly<Record<string, unknown>>,
  columns: EligibilityColumns | null,
  { map, channel }: { readonly map: ColumnMap; readonly channel: Channel | undefined },
): ReadQuestion {
  const match = columns ? null : matchColumns(Object.keys(fields), ELIGIBILITY_FIELDS, map);
  if (match?.problems.some(({ code }) => code === 'ambiguous_column')) return { reason: 'field_ambiguous' };
  const names = columns ?? match?.found ?? new Map<string, string>();
  const text = (field: Field): string => {
    const value = fields[names.get(field) ?? ''];
    const isText = typeof value === 'string' || Number.isSafeInteger(value);
    return isText ? withoutInvisible(String(value)).trim() : '';
  };
  const chosen = channel ?? CHANNELS.find((each) => each === text('channel').toLowerCase());
  if (chosen === undefined) return { reason: 'invalid_channel' };
  const [status, timeZone] = [text('optInStatus').toLowerCase(), text('timeZone')];
  return {
    question: {
      // An id that stands for nobody is none.
      contactId: contactIdProblem(text('contactId')) === null ? text('contactId') : '',
      channel: chosen,
      // An unknown status confirms nothing.
      ...(status !== '' && { optInStatus: status === 'confirmed' ? 'confirmed' : 'pending' }),
      ...(timeZone !== '' && { timeZone }),
    },
  };
}
