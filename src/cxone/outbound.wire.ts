/** What goes over the wire for campaigns: cxone-api.md "outbound (S3)". The simulator speaks by it too. */
import { z } from 'zod';

export const CAMPAIGN_PATH = '/api/v2/outbound/campaigns/{campaignId}';

/** S3: `version=N`, which is no entity tag of HTTP's; whoever reads it as one answers 412 instead of 409. */
export const ifMatch = (version: number): string => `version=${version}`;

const IDS = z
  .array(z.union([z.string(), z.number().transform(String)]))
  .nullish()
  .transform((ids) => ids ?? []);

/** Lenient: what a tenant keeps besides the four parts goes back as it came. */
export const CONTACT_SELECTION = z.looseObject({
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

export const CAMPAIGN = z.looseObject({
  version: z.number().int(),
  contactSelection: CONTACT_SELECTION.nullish().transform((given) => given ?? CONTACT_SELECTION.parse({})),
});

/** The whole document as it came. */
export const CAMPAIGN_DOCUMENT = z.record(z.string(), z.unknown());
export type CampaignDocument = z.infer<typeof CAMPAIGN_DOCUMENT>;

/** 400, 409, 412 and 422 */
export const CAMPAIGN_REFUSED = z.object({ message: z.string().nullish() });
