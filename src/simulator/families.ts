/** What the routes of the simulator say about the families of the API (docs/cxone-contract.md#hosts-and-tokens). */
import type { Family } from '../cxone/families.wire.ts';

export { FAMILIES, FAMILY_NAMES, type Family } from '../cxone/families.wire.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set on routes of the API: the family and the scope that the bearer token must have. */
    api?: { readonly family: Family; readonly scope: string };
    /** Set on the webhook receiver, so that fault rules can name it. */
    webhook?: true;
    admin?: true;
  }
}
