import { randomBytes } from 'node:crypto';
import { type KyselyPlugin, sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { ProofBatch, ProofEntry } from '../../src/ledger/consent/proof.ts';
import { seal, unseal } from '../../src/ledger/consent/sealed.ts';
import { ledgerOfFile, newContact } from './harness.ts';

const opened = ledgerOfFile();

const BATCH: ProofBatch = {
  runId: 'preference-update:1',
  writeId: '7',
  batchKey: 'key-of-the-batch',
  sentAt: '2026-01-02T00:00:00.000Z',
  requestId: 'req-1',
  httpStatus: 200,
};
const entry = (contactId: string, over: Partial<ProofEntry> = {}): ProofEntry => ({
  seq: 1,
  contactId,
  channel: 'email',
  optIn: true,
  consentTimestamp: '2026-01-01T00:00:00.000Z',
  withdrawalTimestamp: null,
  regulatoryRegion: 'GDPR',
  source: 'canary-web-form',
  idempotencyKey: 'item-key',
  updatedAt: '2026-01-01T00:00:00.000Z',
  outcome: 'updated',
  reasons: [],
  evidence: null,
  ...over,
});
const record = (entries: readonly ProofEntry[], batch = BATCH) =>
  opened()
    .database.db.transaction()
    .execute((tx) => opened().ledger.consentProof.record(tx, batch, entries));
const proofOf = (contactId: string) => opened().ledger.consentProof.list(contactId);

describe('proof of consent', () => {
  it('lists what was sent about a data subject and its outcome, the oldest first', async () => {
    const [anna, ben] = [newContact(), newContact()];
    await record([entry(anna), entry(ben, { seq: 2 })]);
    const later = { ...BATCH, runId: 'preference-update:2', httpStatus: null, requestId: null };
    await record(
      [entry(anna, { channel: 'sms', outcome: 'conflict', reasons: ['newer_withdrawal'] })],
      later,
    );
    expect(await proofOf(anna.toUpperCase())).toEqual([
      { at: expect.any(Date) as Date, ...BATCH, ...entry(anna) },
      {
        at: expect.any(Date) as Date,
        ...later,
        ...entry(anna, { channel: 'sms', outcome: 'conflict', reasons: ['newer_withdrawal'] }),
      },
    ]);
    expect(await proofOf(ben)).toMatchObject([{ seq: 2 }]);
    expect(await proofOf(newContact())).toEqual([]);
  });

  it('contains neither names nor content in readable form', async () => {
    const anna = newContact();
    await record([entry(anna)]);
    const { rows } = await sql<{ row: string }>`
      select consent_proof::text || encode(sealed, 'escape') as row from consent_proof
      union all select consent_keys::text from consent_keys`.execute(opened().database.db);
    expect(rows.length).toBeGreaterThan(1);
    for (const { row } of rows) expect(row).not.toMatch(new RegExp(`${anna}|canary|GDPR`));
  });

  it('is stored in the transaction that settles the batch', async () => {
    const anna = newContact();
    const { database, ledger } = opened();
    const broken = database.db.transaction().execute(async (tx) => {
      await ledger.consentProof.record(tx, BATCH, [entry(anna)]);
      throw new Error('the settle failed');
    });
    await expect(broken).rejects.toThrow('the settle failed');
    expect(await proofOf(anna)).toEqual([]);
  });

  it.each(['update consent_proof set seq = 9', 'delete from consent_proof', 'truncate consent_proof'])(
    'cannot be changed: %s',
    async (statement) => {
      await record([entry(newContact())]);
      await expect(sql.raw(statement).execute(opened().database.db)).rejects.toThrow('append-only');
    },
  );

  it('keeps the entries of an erased data subject, unreadable, and starts again with a new key', async () => {
    const [anna, ben] = [newContact(), newContact()];
    await record([entry(anna), entry(ben, { seq: 2 })]);
    const count = async () =>
      (await sql<{ n: number }>`select count(*)::int as n from consent_proof`.execute(opened().database.db))
        .rows[0]?.n;
    const before = await count();
    expect(await opened().ledger.consentProof.dropKey(anna)).toBe(1);
    expect(await opened().ledger.consentProof.dropKey(anna)).toBe(0);
    expect([await count(), await proofOf(anna), (await proofOf(ben)).length]).toEqual([before, [], 1]);
    await record([entry(anna, { optIn: false })]);
    expect(await proofOf(anna)).toMatchObject([{ optIn: false }]);
  });

  it('creates a new key when an erasure deletes the key before it is read', async () => {
    const anna = newContact();
    await record([entry(anna)]);
    const { database, ledger } = opened();
    let erasures = 0;
    /** Erases the data subject after the first statement, which finds its key. */
    const between: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        erasures += 1;
        if (erasures === 1) expect(await ledger.consentProof.dropKey(anna)).toBe(1);
        return result;
      },
    };
    await database.db
      .transaction()
      .execute((tx) => ledger.consentProof.record(tx.withPlugin(between), BATCH, [entry(anna)]));
    expect(await proofOf(anna)).toHaveLength(1);
  });

  it('is stored by many transactions with the same data subjects at once, without a deadlock', async () => {
    const crowd = Array.from({ length: 20 }, newContact);
    const settles = Array.from({ length: 8 }, (_, i) => {
      const turned = [...crowd.slice(i), ...crowd.slice(0, i)];
      return record(turned.map((contactId, seq) => entry(contactId, { seq })));
    });
    await Promise.all(settles);
    for (const contactId of crowd) expect(await proofOf(contactId)).toHaveLength(8);
  });
});

describe('a sealed entry', () => {
  const key = randomBytes(32);

  it('opens with its key at its place only', () => {
    const sealed = seal(key, 'here', { a: 1 });
    expect(unseal(key, 'here', sealed)).toEqual({ a: 1 });
    expect(() => unseal(key, 'there', sealed)).toThrow();
    expect(() => unseal(randomBytes(32), 'here', sealed)).toThrow();
  });

  it('does not open when any byte was changed', () => {
    const sealed = seal(key, 'here', { optIn: true });
    for (let i = 0; i < sealed.length; i += 1) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => unseal(key, 'here', changed)).toThrow();
    }
  });
});
