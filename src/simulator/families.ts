/** The five families as the API's owner sees them: cxone-api.md "Hosts and tokens". */
export const FAMILIES = {
  preferences: {
    tokenPath: '/oauth/token',
    auth: 'basic',
    scopes: ['preferences:write', 'preferences:read', 'contacts:read'],
  },
  contactlists: {
    tokenPath: '/oauth2/token',
    auth: 'form',
    scopes: ['contactlists:write', 'contactlists:read'],
  },
  lists: {
    tokenPath: '/as/token.oauth2',
    auth: 'form',
    scopes: ['lists:write', 'lists:read', 'campaigns:read', 'compliance:read', 'data:write'],
  },
  outbound: {
    tokenPath: '/api/v2/oauth/token',
    auth: 'form',
    scopes: ['outbound:campaign:write', 'outbound:campaign:read', 'webhooks:write'],
  },
  email: {
    tokenPath: '/v1/oauth2/token',
    auth: 'form',
    scopes: ['communications:email:send', 'communications:email:read', 'communications:email:analytics'],
  },
} as const;

export type Family = keyof typeof FAMILIES;
export const FAMILY_NAMES = Object.keys(FAMILIES) as Family[];

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Set on routes of the API: what the bearer has to be of, and to hold. */
    api?: { readonly family: Family; readonly scope: string };
    /** Set on the webhook receiver, so that fault rules can name it. */
    webhook?: true;
    admin?: true;
  }
}
