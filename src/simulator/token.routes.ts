/** The five token endpoints (OAuth 2.0 client credentials). Each accepts only its family's way of authentication. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FAMILIES, FAMILY_NAMES, type Family } from '../cxone/families.wire.ts';
import type { TokenStore } from './tokens.ts';

export interface TokenRoutesDeps {
  readonly tokens: TokenStore;
  /** Client id → secret. Null: any client is accepted, with any secret. */
  readonly clients: Readonly<Record<string, string>> | null;
}

type Form = Readonly<Partial<Record<string, string>>>;
type Refusal = readonly [status: number, error: string, description: string];

export function registerTokenRoutes(app: FastifyInstance, deps: TokenRoutesDeps): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(String(body))));
    },
  );
  for (const family of FAMILY_NAMES) {
    app.post(FAMILIES[family].tokenPath, async (request, reply) => {
      const form = (request.body ?? {}) as Form;
      const scopes = form['scope']?.split(' ').filter(Boolean) ?? FAMILIES[family].scopes;
      const refusal = validate(request, family, form, scopes, deps.clients);
      if (refusal === null) return deps.tokens.issue(family, scopes);
      const [status, error, error_description] = refusal;
      return reply.code(status).send({ error, error_description });
    });
  }
}

function validate(
  request: FastifyRequest,
  family: Family,
  form: Form,
  requestedScopes: readonly string[],
  clients: TokenRoutesDeps['clients'],
): Refusal | null {
  if (Object.keys(request.query as object).some((name) => name.startsWith('client_'))) {
    return [400, 'invalid_request', 'client id and secret must not be in the query, which is logged'];
  }
  const { tokenAuth, scopes } = FAMILIES[family];
  const client = tokenAuth === 'basic' ? basicClient(request.headers.authorization) : formClient(form);
  const isWrongWay =
    tokenAuth === 'basic' ? 'client_secret' in form : request.headers.authorization !== undefined;
  if (isWrongWay || client === null)
    return [401, 'invalid_client', `this endpoint accepts only ${tokenAuth} authentication`];
  if (!client.id || !client.secret) return [401, 'invalid_client', 'client id or secret is missing'];
  const isKnown =
    clients === null || (Object.hasOwn(clients, client.id) && clients[client.id] === client.secret);
  if (!isKnown) return [401, 'invalid_client', 'unknown client or wrong secret'];
  if (form['grant_type'] !== 'client_credentials')
    return [400, 'unsupported_grant_type', 'only client_credentials is supported'];
  const unknown = requestedScopes.find((scope) => !scopes.includes(scope));
  return unknown === undefined ? null : [400, 'invalid_scope', `${unknown} is not a scope of ${family}`];
}

function basicClient(header: string | undefined) {
  const encoded = /^Basic (\S+)$/.exec(header ?? '')?.[1];
  if (encoded === undefined) return null;
  const [id = '', ...secret] = Buffer.from(encoded, 'base64').toString().split(':');
  return { id, secret: secret.join(':') };
}

function formClient(form: Form) {
  return { id: form['client_id'] ?? '', secret: form['client_secret'] ?? '' };
}
