/** A data subject is found however their id is written: in the request, in rows that were never valid, in files and in events. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CHANNELS } from '../../src/domain/consent/eligibility.ts';
import { toComparableId } from '../../src/domain/contact-id.ts';
import { toSearchable } from '../../src/ledger/words.ts';
import { readLedgerContents } from '../harness/ledger-contents.ts';
import { ledgerOfFile, newContact, openRun, record, someId } from './harness.ts';

const opened = ledgerOfFile();

const erase = (contactId: string) =>
  opened().ledger.erasures.erase({
    erasureId: someId('erasure'),
    contactId,
    objectedAt: new Date().toISOString(),
    requestedBy: null,
  });

/** Rows that break a rule, of a run that has ended. */
async function stageInvalid(rows: readonly object[]) {
  const { ledger, database } = opened();
  const run = await openRun(ledger);
  await ledger.records.stage(
    run.run_no,
    rows.map((fields, i) =>
      record(i + 1, { fields, record: null, key1: null, key2: null, reasons: [{ code: 'x' }] }),
    ),
  );
  await database.db
    .updateTable('runs')
    .set({ state: 'completed' })
    .where('run_no', '=', run.run_no)
    .execute();
  return run;
}

const SPELLINGS: readonly (readonly [string, (id: string) => string])[] = [
  ['zero-width characters', (id) => [...id].join('\u200b')],
  ['direction marks', (id) => `\u202a${id}\u202c\u200f`],
  ['a byte order mark', (id) => `\ufeff${id}`],
  ['a soft hyphen', (id) => `${id.slice(0, 4)}\u00ad${id.slice(4)}`],
  ['no-break spaces', (id) => `\u00a0${id.replaceAll(' ', '\u00a0')}\u202f`],
  ['letters and accents apart', (id) => id.normalize('NFD')],
  ['capital letters', (id) => id.toUpperCase()],
];

describe.each(SPELLINGS)('an id with %s', (_, spell) => {
  it('in an invalid row, a file and an event is erased by the plain id', async () => {
    const anna = `\u00e9va ${newContact()}`;
    const written = spell(anna);
    const { ledger, database, url } = opened();
    const others = [{ contactId: newContact() }, { note: spell(`${anna}0`) }];
    const run = await stageInvalid([
      { contactId: written, phone: 'x' },
      { note: `see ${written}, please` },
      { cxflow_raw: `{"contactId":${JSON.stringify(written)}, oops` },
      ...others,
    ]);
    await ledger.datasets.stage('file', 'csv', Readable.from([Buffer.from(`contactId\n${written}\n`)]));
    const event = { run_no: run.run_no, event: 'e', counts: '{}', delivered_at: new Date() };
    const bodies = [`{"contactId":"${written}"}`, '{"contactId":"\u00e9va"}'];
    await database.db
      .insertInto('outbox')
      .values(bodies.map((body) => ({ ...event, body })))
      .execute();
    const shown = await ledger.erasures.preview(anna);
    expect(shown).toMatchObject({ records: 3, datasets: 1, events: 1, waitingFor: [] });
    expect(await erase(anna)).toEqual(shown);
    const left = [];
    for await (const { fields } of ledger.records.list(run.run_no)) left.push(fields);
    expect(left.slice(3)).toEqual(others);
    const contents = toSearchable(await readLedgerContents(url)).replaceAll(`${toComparableId(anna)}0`, '');
    expect(contents).not.toContain(toComparableId(anna));
  });

  it('in the request erases plain rows, and leaves an objection that holds for every spelling', async () => {
    const anna = `\u00e9va ${newContact()}`;
    await stageInvalid([{ contactId: anna }]);
    expect(await erase(spell(anna))).toMatchObject({ records: 1, suppressed: CHANNELS });
    const found = await opened().ledger.suppressions.find([anna, spell(anna)], ['email']);
    expect(new Set(found.map(({ contactId }) => contactId))).toEqual(new Set([anna, spell(anna)]));
  });
});

it('an id of two pairs of braces is not the one inside of them', async () => {
  await stageInvalid([{ contactId: '{{q9}}' }, { contactId: 'q9x' }]);
  expect(await erase('{{q9}}')).toMatchObject({ records: 1 });
  const { suppressions } = opened().ledger;
  expect(await suppressions.find(['{{q9}}'], ['email'])).toHaveLength(1);
  expect(await suppressions.find(['q9'], ['email'])).toEqual([]);
});

it('an id that is cut inside of an invisible character by the end of a chunk of a dataset is found', async () => {
  const anna = newContact();
  const { ledger } = opened();
  const written = Buffer.from([...anna].join('\u200b'));
  const filling = Buffer.alloc((1 << 20) - 20, 'a\n');
  const bytes = Buffer.concat([filling, written, Buffer.from('\n')]);
  const parts = [bytes.subarray(0, 1 << 20), bytes.subarray(1 << 20)];
  await ledger.datasets.stage('cut', 'csv', Readable.from(parts));
  expect(await ledger.erasures.preview(anna)).toMatchObject({ datasets: 1 });
});
