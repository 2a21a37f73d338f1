/**
 * The families of the CXone API (docs/cxone-contract.md#hosts-and-tokens). A family is a part of the API with its own
 * host, token endpoint, credentials and scopes. The configuration, the client and the simulator all use this definition.
 */
export interface FamilyFacts {
  /** Path of the token endpoint below its host. */
  readonly tokenPath: string;
  /** HTTP Basic, or client id and secret in the form body. Never the query string, which ends up in logs. */
  readonly tokenAuth: 'basic' | 'form';
  /** With `form` these are requested; with `basic` the client must have been granted them. */
  readonly scopes: readonly string[];
  readonly refreshBeforeExpirySeconds: number;
}

export type Family = 'preferences' | 'contactlists' | 'lists' | 'outbound' | 'email';

export const FAMILIES: Readonly<Record<Family, FamilyFacts>> = {
  preferences: {
    tokenPath: '/oauth/token',
    tokenAuth: 'basic',
    scopes: ['preferences:write', 'preferences:read', 'contacts:read'],
    refreshBeforeExpirySeconds: 60,
  },
  contactlists: {
    tokenPath: '/oauth2/token',
    tokenAuth: 'form',
    scopes: ['contactlists:write', 'contactlists:read'],
    refreshBeforeExpirySeconds: 60,
  },
  lists: {
    tokenPath: '/as/token.oauth2',
    tokenAuth: 'form',
    scopes: ['lists:write', 'campaigns:read', 'compliance:read'],
    refreshBeforeExpirySeconds: 60,
  },
  outbound: {
    tokenPath: '/api/v2/oauth/token',
    tokenAuth: 'form',
    scopes: ['outbound:campaign:write', 'outbound:campaign:read'],
    refreshBeforeExpirySeconds: 300,
  },
  email: {
    tokenPath: '/v1/oauth2/token',
    tokenAuth: 'form',
    scopes: ['communications:email:send', 'communications:email:read', 'communications:email:analytics'],
    refreshBeforeExpirySeconds: 60,
  },
};

export const FAMILY_NAMES = Object.keys(FAMILIES) as Family[];
