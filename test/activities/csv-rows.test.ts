/** Files as spreadsheets and address books leave them, from their text to what is sent. */
import { describe, expect, it } from 'vitest';
import { someId } from '../ledger/harness.ts';
import { contactRow, importInput, listOutcomes, rowWorkersOfFile } from './preferences.ts';

const { start } = rowWorkersOfFile();

const DAY = contactRow(0).consentTimestamp;
const HEADER = 'contactId,phone,consentTimestamp,optInStatus,name';

async function importText(text: string) {
  const { ledger, plan, writeAll, close, admin } = await start();
  async function* bytes(): AsyncIterable<Buffer> {
    yield await Promise.resolve(Buffer.from(text));
  }
  const { id } = await ledger.datasets.stage(someId('rows'), 'csv', bytes());
  const { run } = await ledger.runs.open({
    runId: someId('run'),
    kind: 'contactImport',
    target: 'L1',
    again: true,
    dryRun: false,
    requestedBy: null,
    input: { source: { dataset: id }, ...importInput() },
  });
  await plan(run);
  await writeAll(run);
  const { counts } = await close(run);
  return { counts, outcomes: await listOutcomes(ledger, run), sent: await admin.journal({ list: 'L1' }) };
}

describe('an import of CSV', () => {
  it('counts no row without any value, and one with a single value', async () => {
    const rows = [
      `B-1,+14155550118,${DAY},confirmed,Ana`,
      ',,,,',
      ' , ,\t, ,',
      '"","","","",""',
      '\u00a0,,,,',
    ];
    const { counts } = await importText([HEADER, ...rows, ',,,,Dee', ''].join('\n'));
    expect(counts).toMatchObject({ total: 2, created: 1, invalid: 1 });
  });

  it('takes an id or a number with invisible characters for what one sees', async () => {
    const { outcomes } = await importText(
      [
        HEADER,
        `I-1,\u202a+14155550121\u202c,${DAY},confirmed,`,
        `I-2,+14155550121,${DAY},confirmed,`,
        `I-3,+1415\u200b5550122,${DAY},confirmed,`,
        `I-1\u200e,+14155550124,${DAY},confirmed,`,
        `I-6,+\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff12\uff15,${DAY},confirmed,`,
        `1.00045E+11,+14155550106,${DAY},confirmed,`,
        `1.00045E+11,+14155550107,${DAY},confirmed,`,
        'I-7,+4402070313000,45678,confirmed,',
        '',
      ].join('\n'),
    );
    expect(outcomes).toEqual({
      1: 'created',
      2: 'duplicate duplicate_in_source',
      3: 'created',
      4: 'duplicate duplicate_in_source',
      5: 'invalid phone_not_e164',
      6: 'invalid contact_id_not_exact',
      7: 'invalid contact_id_not_exact',
      8: 'invalid phone_not_possible consent_not_a_date',
    });
  });
});
