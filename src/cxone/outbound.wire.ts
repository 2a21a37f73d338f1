/** Requests and answers for campaigns (docs/cxone-contract.md#outbound-campaigns), shared with the simulator. */
import { z } from 'zod';
import { exact } from './exact.wire.ts';
import { MESSAGE } from './text.wire.ts';

export const CAMPAIGN_PATH = '/api/v2/outbound/campaigns/{campaignId}';

/** Not an entity tag in the sense of HTTP. A gateway that takes it for one answers 412 instead of 409. */
export const ifMatch = (version: number): string => `version=${version}`;

const IDS = z
  .array(z.union([z.string(), z.number().transform(String)]))
  .nullish()
  .transform((ids) => ids ?? []);

/** Other fields are kept, so that they are sent back unchanged. */
const CONTACT_SELECTION = z.looseObject({
  targetListIds: IDS,
  exclusionListIds: IDS,
  filterRules: z
    .array(z.looseObject({ field: z.string(), operator: z.string(), value: z.unknown() }))
    .nullish()
    .transform((rules) => rules ?? []),
  priorityOrder: z
    .array(z.unknown())
    .nullish()
    .transform((order) => order ?? []),
});
export type WireSelection = z.infer<typeof CONTACT_SELECTION>;

export const CAMPAIGN = exact(
  z.looseObject({
    version: z.number().int(),
    contactSelection: CONTACT_SELECTION.nullish().transform((given) => given ?? CONTACT_SELECTION.parse({})),
  }),
);

/** What every answer about a campaign has, whatever else it has: without a version, it is about something else. */
export const CAMPAIGN_VERSION = z.object({ version: z.number().int() });

/** The whole document exactly as received. */
export const CAMPAIGN_DOCUMENT = exact(z.record(z.string(), z.unknown()));
export type CampaignDocument = z.infer<typeof CAMPAIGN_DOCUMENT>;

/** The body of a 400, 409, 412 or 422: its message, or else the whole object as text. null: it is empty. */
export const CAMPAIGN_REFUSED = z.union([
  z.looseObject({ message: MESSAGE }).transform(({ message }) => message),
  z
    .record(z.string(), z.unknown())
    .transform((body) => (Object.keys(body).length === 0 ? null : MESSAGE.parse(toText(body)))),
]);

/** A whole number of many digits is a bigint (json.ts), which JSON.stringify refuses. */
function toText(body: unknown): string {
  return JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
