import { describe, expect, it } from 'vitest';
import { FAMILIES, FAMILY_NAMES } from '../../src/cxone/families.wire.ts';
import { captureError } from '../cxone/vendor.ts';
import { contact, startSimulator } from './stand.ts';

const form = (fields: Readonly<Record<string, string>>) => ({ body: new URLSearchParams(fields) });
const CLIENT = { grant_type: 'client_credentials', client_id: 'a', client_secret: 'b' };
const BASIC = { authorization: `Basic ${btoa('a:b')}` };

describe('token endpoints', () => {
  it.each(FAMILY_NAMES)('%s has its own endpoint and its own way of authentication', async (family) => {
    const { request, token } = await startSimulator();
    const { tokenPath, tokenAuth } = FAMILIES[family];
    expect(await token(family)).toMatch(`sim-${family}-`);
    const other =
      tokenAuth === 'basic'
        ? form(CLIENT)
        : { ...form({ grant_type: 'client_credentials' }), headers: BASIC };
    expect((await request('POST', tokenPath, other)).status).toBe(401);
  });

  it.each([
    ['a secret in the query', '?client_secret=b', CLIENT, 400],
    ['a client id in the query', '?client_id=a', CLIENT, 400],
    ['a wrong secret', '', { ...CLIENT, client_secret: 'x' }, 401],
    ['an unknown client', '', { ...CLIENT, client_id: '__proto__' }, 401],
    ['no secret', '', { grant_type: 'client_credentials', client_id: 'a' }, 401],
    ['another grant type', '', { ...CLIENT, grant_type: 'password' }, 400],
    ["another family's scope", '', { ...CLIENT, scope: 'lists:write' }, 400],
    ['a valid request', '', { ...CLIENT, scope: 'contactlists:read' }, 200],
  ])('answer %s with the right status', async (_, query, fields, status) => {
    const { request } = await startSimulator({ clients: { a: 'b' } });
    expect((await request('POST', `/oauth2/token${query}`, form(fields))).status).toBe(status);
  });
});

describe('the bearer token', () => {
  const send = { body: JSON.stringify({ records: [contact(1)] }) };
  const path = '/api/v2/contactlists/L1/records';
  const withToken = (token: string) => ({
    ...send,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
  });

  it('must be present, issued for the family, and not expired', async () => {
    let nowMs = Date.now();
    const { request, token } = await startSimulator({ tokenSeconds: 10, nowMs: () => nowMs });
    const own = await token();
    expect((await request('POST', path, send)).status).toBe(401);
    expect((await request('POST', path, withToken('invented'))).status).toBe(401);
    expect((await request('POST', path, withToken(await token('lists')))).status).toBe(401);
    expect((await request('POST', path, withToken(own))).status).toBe(200);
    nowMs += 10_000;
    expect((await request('POST', path, withToken(own))).status).toBe(401);
  });

  it('must have the scope of the route', async () => {
    const { create, request, token, admin } = await startSimulator();
    const readOnly = await token('contactlists', { scope: 'contactlists:read' });
    expect((await request('POST', path, withToken(readOnly))).status).toBe(403);
    await admin.change({ withheldScopes: ['contactlists:write'] });
    expect(await captureError(create('L1', [contact(1)]))).toMatchObject({ name: 'CxoneForbidden' });
  });

  it('can be revoked, after which our client fetches a new one and tries once more', async () => {
    const { create, admin } = await startSimulator();
    await create('L1', [contact(1)]);
    expect(await admin.revokeTokens()).toEqual({ revoked: 1 });
    expect(await create('L1', [contact(2)])).toMatchObject({ kind: 'created' });
    expect((await admin.stats()).requests['POST /api/v2/contactlists/:listId/records']).toEqual({
      200: 2,
      401: 1,
    });
  });
});
