/** Issues and checks tokens. They are kept in memory only, so a restart revokes all of them. */
import { randomBytes } from 'node:crypto';
import type { Family } from '../cxone/families.wire.ts';
import type { Settings } from './settings.ts';

interface Token {
  readonly family: Family;
  readonly scopes: ReadonlySet<string>;
  readonly expiresAtMs: number;
}

export function createTokenStore(settings: Settings, nowMs: () => number) {
  const tokens = new Map<string, Token>();
  return {
    issue(family: Family, requestedScopes: readonly string[]) {
      const scopes = requestedScopes.filter((scope) => !settings.withheldScopes.includes(scope));
      const value = `sim-${family}-${randomBytes(18).toString('base64url')}`;
      tokens.set(value, {
        family,
        scopes: new Set(scopes),
        expiresAtMs: nowMs() + settings.tokenSeconds * 1000,
      });
      return {
        access_token: value,
        token_type: 'Bearer',
        expires_in: settings.tokenSeconds,
        scope: scopes.join(' '),
      };
    },
    authorize(authorization: string | undefined, family: Family, scope: string): 'granted' | 401 | 403 {
      const value = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
      const token = value === undefined ? undefined : tokens.get(value);
      if (token === undefined || token.family !== family || nowMs() >= token.expiresAtMs) return 401;
      return token.scopes.has(scope) ? 'granted' : 403;
    },
    /** Returns how many were revoked. */
    revokeAll(): number {
      const { size } = tokens;
      tokens.clear();
      return size;
    },
  };
}
export type TokenStore = ReturnType<typeof createTokenStore>;
