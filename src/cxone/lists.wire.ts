/** Requests and answers for campaign lists (docs/cxone-contract.md#campaign-lists), shared with the simulator. */
import { z } from 'zod';
import { listOf, MESSAGE, NAME } from './text.wire.ts';

export const MAX_ITEMS_PER_REQUEST = 500;
export const CAPACITY_PATH = '/api/v2/campaigns/{campaignId}';
export const SUPPRESSIONS_PATH = '/api/v2/compliance/suppressions';
export const ITEMS_PATH = '/api/v2/lists/{listId}/items';

export interface ItemField {
  readonly name: string;
  readonly value: string;
}
export interface ListItem {
  /** Names and values of some of the fields. */
  readonly deduplicationKeys: readonly ItemField[];
  readonly fields: readonly ItemField[];
  /** A whole number from 0 to 10; higher is dialled first. */
  readonly priority: number;
}

const SIZE = z
  .number()
  .int()
  .nonnegative()
  .nullish()
  .transform((size) => size ?? null);

export const CAMPAIGN_CAPACITY = z.object({
  currentListSize: SIZE,
  maxListSize: SIZE,
  listCapacity: SIZE,
});

const IDENTIFYING = ['phoneNumber', 'emailAddress', 'contactId', 'country'] as const;
const MAX_IDENTIFIER_CHARACTERS = 1_000;

/** As texts. Without any of them it identifies nobody: what to do about it is decided where all entries are known. */
export type SuppressionEntry = {
  /** `country`: of a phone number in national form. */
  readonly [field in (typeof IDENTIFYING)[number]]?: string | undefined;
} & {
  /** It also has one that is no text, or far too long. */
  readonly isPartial?: true;
};

export const SUPPRESSION_ENTRY = z
  .looseObject({})
  .catch({})
  .transform((given: Readonly<Record<string, unknown>>): SuppressionEntry => {
    const values = IDENTIFYING.filter((field) => (given[field] ?? null) !== null).map(
      (field) => [field, toIdentifier(given[field])] as const,
    );
    const texts = values.filter(([, text]) => text !== null);
    return {
      ...Object.fromEntries(texts),
      ...(texts.length < values.length && { isPartial: true as const }),
    };
  });

function toIdentifier(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value.length <= MAX_IDENTIFIER_CHARACTERS ? value : null;
}

/** Our reading, because the tutorial shows no bodies. An item is named by its position in the request only. */
const NAMED_ITEM = z.object({
  index: z.number().nullish(),
  code: NAME.nullish(),
  field: NAME.nullish(),
  message: MESSAGE.nullish(),
});
export type NamedItemEntry = z.infer<typeof NAMED_ITEM>;

const ENTRIES = listOf(z.union([MESSAGE, NAMED_ITEM]), 10 * MAX_ITEMS_PER_REQUEST)
  .nullish()
  .transform((entries) => entries ?? []);

/** The body of any answer to a batch of items. */
export const ITEMS_ANSWER = z.object({
  /** null: not counted. */
  itemsCreated: SIZE,
  message: MESSAGE.nullish(),
  /** Items whose key the list has already. */
  conflicts: ENTRIES,
  warnings: ENTRIES,
  errors: ENTRIES,
});
