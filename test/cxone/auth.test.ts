import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { createCxone } from '../../src/cxone/cxone.ts';
import { CxoneCredentialsMissing, CxoneNoAnswer, CxoneUnauthorized } from '../../src/cxone/errors.ts';
import {
  CREATED,
  captureError,
  type Handler,
  json,
  LIST,
  SECRET,
  startVendor,
  type Vendor,
} from './vendor.ts';

let vendor: Vendor;
beforeAll(async () => {
  vendor = await startVendor();
});
afterEach(() => vendor.reset());
afterAll(() => vendor.close());

/** The token endpoint issues t1, t2, …; the API accepts those for which `isAccepted` is true. */
function issueNumberedTokens(expiresIn: unknown, isAccepted: (token: string) => boolean = () => true): void {
  let n = 0;
  vendor.answerToken((req, res, body) =>
    json(200, { access_token: `t${(n += 1)}`, expires_in: expiresIn })(req, res, body),
  );
  const handler: Handler = (req, res, body) => {
    const token = req.headers.authorization?.replace('Bearer ', '') ?? '';
    (isAccepted(token) ? json(200, CREATED) : json(401, {}))(req, res, body);
  };
  vendor.answer(handler);
}

describe('the token request', () => {
  it('sends the secret in the form body, not in the URL', async () => {
    await vendor.cxone().contactLists.createRecords(LIST);
    const [seen] = vendor.tokens;
    expect(seen?.url).toBe('/oauth2/token');
    expect(Object.fromEntries(new URLSearchParams(seen?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client',
      client_secret: SECRET,
      scope: 'contactlists:write contactlists:read',
    });
  });

  it('sends it in the Basic header if the family requires that', async () => {
    await vendor.cxone({}, { tokenAuth: 'basic' }).contactLists.createRecords(LIST);
    const [seen] = vendor.tokens;
    expect(seen?.headers.authorization).toBe(`Basic ${Buffer.from(`client:${SECRET}`).toString('base64')}`);
    expect(seen?.body).toBe('grant_type=client_credentials');
  });

  it('is sent once, however many callers wait for it', async () => {
    vendor.answerToken(
      (req, res, body) => void setTimeout(json(200, { access_token: 't' }), 30, req, res, body),
    );
    const { contactLists } = vendor.cxone();
    await Promise.all(Array.from({ length: 20 }, () => contactLists.createRecords(LIST)));
    expect([vendor.tokens.length, vendor.api.length]).toEqual([1, 20]);
  });

  it('is sent again after a failure', async () => {
    vendor.answerToken(json(503, {}));
    const { contactLists } = vendor.cxone();
    await captureError(contactLists.createRecords(LIST));
    vendor.answerToken(json(200, { access_token: 't', expires_in: 60 }));
    expect(await contactLists.createRecords(LIST)).toMatchObject({ kind: 'created' });
  });
});

describe('refreshing a token', () => {
  it.each([
    [3600, 3_539_000, 3_541_000],
    ['3600', 3_539_000, 3_541_000],
    // Shorter than the margin, so half of its lifetime.
    [30, 14_000, 16_000],
    // Unknown, so one minute is assumed.
    [undefined, 29_000, 31_000],
    [0, 29_000, 31_000],
    [-5, 29_000, 31_000],
    ['soon', 29_000, 31_000],
  ])('expires_in %s: kept until %i ms, refreshed at %i ms', async (expiresIn, keptMs, refreshedMs) => {
    let nowMs = 1_000_000;
    issueNumberedTokens(expiresIn);
    const { contactLists } = vendor.cxone({ monotonicMs: () => nowMs });
    const start = nowMs;
    for (const [elapsed, tokens] of [
      [0, 1],
      [keptMs, 1],
      [refreshedMs, 2],
    ] as const) {
      nowMs = start + elapsed;
      await contactLists.createRecords(LIST);
      expect(vendor.tokens).toHaveLength(tokens);
    }
  });
});

describe('401', () => {
  it('leads to a new token and one repeat of the request', async () => {
    issueNumberedTokens(3600, (token) => token !== 't1');
    const sent: number[] = [];
    const beforeSend = () => void sent.push(vendor.api.length);
    expect(await vendor.cxone().contactLists.createRecords({ ...LIST, beforeSend })).toMatchObject({
      kind: 'created',
    });
    expect([vendor.tokens.length, vendor.api.length, sent]).toEqual([2, 2, [0, 1]]);
  });

  it('leads to one new token, even for many requests at once', async () => {
    issueNumberedTokens(3600, (token) => token !== 't1');
    const { contactLists } = vendor.cxone();
    await Promise.all(Array.from({ length: 10 }, () => contactLists.createRecords(LIST)));
    expect(vendor.tokens).toHaveLength(2);
  });

  it('after the repeat is an error that names the credentials', async () => {
    issueNumberedTokens(3600, () => false);
    const error = await captureError(vendor.cxone().contactLists.createRecords(LIST));
    expect(error).toBeInstanceOf(CxoneUnauthorized);
    expect(error).toMatchObject({ status: 401, applied: 'no' });
    expect(String(error)).toContain('CXONE_CONTACTLISTS_CLIENT_ID');
    expect([vendor.tokens.length, vendor.api.length]).toEqual([2, 2]);
  });
});

describe('failures of the token endpoint', () => {
  it.each([
    [400, 'CxoneUnauthorized'],
    [401, 'CxoneUnauthorized'],
    [403, 'CxoneForbidden'],
    [404, 'CxoneNotFound'],
    [429, 'CxoneRateLimited'],
    [500, 'CxoneUnavailable'],
    [302, 'CxoneRefused'],
  ])('%i is a %s and means that nothing was applied', async (status, name) => {
    vendor.answerToken(json(status, {}, { 'retry-after': '3' }));
    const error = await captureError(vendor.cxone().contactLists.createRecords(LIST));
    expect(error).toMatchObject({ name, status, applied: 'no', url: `${vendor.url}/oauth2/token` });
    expect(vendor.api).toEqual([]);
  });

  it.each(['<html>', '{}', '{"access_token":7}', '{"access_token":"x'])(
    'the answer %s is not a token',
    async (body) => {
      vendor.answerToken((_req, res) => void res.end(body));
      const error = await captureError(vendor.cxone().contactLists.createRecords(LIST));
      expect(error).toMatchObject({ name: 'CxoneUnreadable', applied: 'no' });
    },
  );

  it('no answer until the deadline means that nothing was applied', async () => {
    vendor.answerToken(() => {});
    const cxone = vendor.cxone({ deadlines: { tokenMs: 50 } });
    const error = await captureError(cxone.contactLists.createRecords(LIST));
    expect(error).toMatchObject({ name: 'CxoneNoAnswer', reason: 'timeout', applied: 'no' });
  });

  it('a caller that gives up does not abort the request for the others', async () => {
    vendor.answerToken(
      (req, res, body) => void setTimeout(json(200, { access_token: 't' }), 50, req, res, body),
    );
    const { contactLists } = vendor.cxone();
    const controller = new AbortController();
    const [impatient, patient] = [{ ...LIST, signal: controller.signal }, LIST].map((r) =>
      contactLists.createRecords(r),
    );
    controller.abort();
    const error = await captureError(impatient ?? Promise.resolve());
    expect(error).toBeInstanceOf(CxoneNoAnswer);
    expect(error).toMatchObject({ reason: 'aborted', applied: 'no' });
    expect(await patient).toMatchObject({ kind: 'created' });
  });
});

describe('a family that is not configured', () => {
  it('is reported when an operation needs it: in the EU, contact lists need no other setting', async () => {
    const env = { CXONE_REGION: 'eu', CXONE_CLIENT_ID: 'a', CXONE_CLIENT_SECRET: 'b' };
    const { families } = loadConfig(env).cxone;
    const cxone = createCxone({ families });
    const error = await captureError(cxone.outbound.readCampaign({ campaignId: 'C1' }));
    expect(error).toBeInstanceOf(CxoneCredentialsMissing);
    expect(String(error)).toContain('set CXONE_INSTANCE or CXONE_OUTBOUND_URL');
    expect(families.contactlists.url).not.toBe('');
    cxone.close();
  });

  it.each([
    [{ clientId: null }, 'CXONE_CLIENT_ID'],
    [{ clientSecret: null }, 'CXONE_CLIENT_SECRET'],
    [{ url: '' }, 'CXONE_CONTACTLISTS_URL'],
    [{ tokenUrl: '' }, 'CXONE_CONTACTLISTS_URL'],
  ])('%o: the error names the variable to set, and nothing is sent', async (settings, variable) => {
    const error = await captureError(vendor.cxone({}, settings).contactLists.createRecords(LIST));
    expect(error).toBeInstanceOf(CxoneCredentialsMissing);
    expect(String(error)).toContain(variable);
    expect(vendor.tokens).toEqual([]);
  });
});
