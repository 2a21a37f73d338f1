/** What each route of the simulator declares about its access (docs/cxone-contract.md#hosts-and-tokens). */
import type { Family } from '../cxone/families.wire.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set on routes of the API: the family and the scope that the bearer token must have. */
    api?: { readonly family: Family; readonly scope: string };
    /** Set on the webhook receiver, so that fault rules can match it. */
    webhook?: true;
    admin?: true;
  }
}
