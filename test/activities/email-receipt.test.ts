/** Whether a receipt can be verified: by hashes in the audit, over what the ledger has about each message. */
import { type RawBuilder, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { type EmailReceipt, readEmailReceipt } from '../../src/queries/email-receipt.ts';
import { emailStand, type Person, person } from './email-sends.ts';

const { opened, start } = emailStand();

const read = async (run: Run, { email }: Person): Promise<EmailReceipt | null> => {
  const { ledger } = opened();
  while ((await ledger.audit.seal()) > 0);
  return readEmailReceipt(ledger, await ledger.runs.get(run.run_id), email);
};
const verdict = async (run: Run, who: Person) => {
  const receipt = await read(run, who);
  return receipt?.verifications.map((each) => each.verdict).join();
};

async function sentTo(...persons: readonly Person[]) {
  const cxone = await start();
  await cxone.permit(...persons);
  const run = await cxone.sent(persons, { channelConsent: 'require' });
  return { cxone, run };
}

describe('a receipt', () => {
  it('verifies recipient, message and consent, and says which of them was tampered with', async () => {
    const [ann, bob] = [person(), person()];
    const { run } = await sentTo(ann, bob);
    expect(await verdict(run, ann)).toBe('verified');
    const { db } = opened().database;
    /** What the receipt says while it is changed. */
    const whileChanged = async (table: string, change: RawBuilder<unknown>, where: RawBuilder<unknown>) => {
      const saved = sql.table(`saved_${table}`);
      await sql`create table ${saved} as select * from ${sql.table(table)} where ${where}`.execute(db);
      await sql`update ${sql.table(table)} set ${change} where ${where}`.execute(db);
      const verdicts = [await verdict(run, ann), await verdict(run, bob)];
      await sql`delete from ${sql.table(table)} where ${where}`.execute(db);
      await sql`insert into ${sql.table(table)} select * from ${saved}`.execute(db);
      await sql`drop table ${saved}`.execute(db);
      return verdicts;
    };
    const ofAnn = sql`run_no = ${run.run_no} and seq = 1`;
    const tag = sql`record = (record::jsonb || '{"tags": ["other"]}')::json`;
    expect(await whileChanged('records', tag, ofAnn)).toEqual(['content_changed', 'verified']);
    const earlier = sql`consented_at = consented_at - interval '1 day'`;
    expect(await whileChanged('email_consents', earlier, ofAnn)).toEqual(['content_changed', 'verified']);
    const hash = sql`content_hash = ${'0'.repeat(64)}`;
    expect(await whileChanged('email_messages', hash, ofAnn)).toEqual(['batch_changed', 'batch_changed']);
    const entry = sql`run_id = ${run.run_id} and data->>'kind' = 'send'`;
    const count = sql`data = (data::jsonb || '{"recordCount": 3}')::json`;
    await sql`alter table audit disable trigger user`.execute(db);
    expect(await whileChanged('audit', count, entry)).toEqual(['entry_changed', 'entry_changed']);
    await sql`alter table audit enable trigger user`.execute(db);
    expect(await verdict(run, ann)).toBe('verified');
  });

  it('of an erased person is none, and those of the others can still be verified', async () => {
    const [ann, bob] = [person(), person()];
    const { cxone, run } = await sentTo(ann, bob);
    await cxone.track(run);
    await cxone.end(run);
    const subject = { erasureId: `erase-${run.run_id}`, contactId: ann.contactId, requestedBy: null };
    await opened().ledger.erasures.erase({ ...subject, objectedAt: new Date().toISOString() });
    expect(await read(run, ann)).toBeNull();
    expect(await opened().ledger.emails.contentHashes(run.run_no, 1)).toMatchObject([{ salt: null }]);
    expect(await verdict(run, bob)).toBe('verified');
  });

  it('names the reason for which the person is suppressed now', async () => {
    const ann = person();
    const { run } = await sentTo(ann);
    const target = { kind: 'contact', value: ann.contactId } as const;
    const entry = { target, channel: 'email', reason: 'asked by phone', code: null } as const;
    const since = '2026-11-01T09:15:00Z';
    await opened().ledger.suppressions.addEntries([[{ ...entry, since }]], { by: 'dana' });
    expect((await read(run, ann))?.suppressions).toEqual([
      { of: 'person', reason: 'asked by phone', code: null, since: new Date(since) },
    ]);
  });

  it('shows each message of a recipient with a hash that nobody else has, although the content is the same', async () => {
    const [ann, bob] = [person(), person()];
    const { run } = await sentTo(ann, bob);
    const hashes = await opened().ledger.emails.contentHashes(run.run_no, 1);
    expect(new Set(hashes[0]?.batch).size).toBe(2);
    const entries = JSON.stringify((await read(run, ann))?.audit);
    for (const { email, contactId } of [ann, bob]) {
      expect(entries).not.toContain(email);
      expect(entries).not.toContain(contactId);
    }
  });
});
