/** Files that cannot be imported: exit code 2, a helpful message, and nothing in the ledger. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { csv, rows } from './contacts.ts';
import { type Ended, type Stand, useStand } from './stand.ts';

const onStand = useStand();

interface Case {
  /** Arguments after `contacts import`, without the list. */
  readonly args: readonly string[];
  readonly content?: string | Buffer;
  readonly message: RegExp;
}

const CONTACTS = csv(rows(1, 3));
const MIXED = 'Customer No,Mobile Number,Consent Date,Opt-in\n1,+14155550100,2025-01-01,confirmed\n';

const LIMIT = { CXFLOW_MAX_SOURCE_BYTES: '1000000' };

const CASES: Readonly<Record<string, Case>> = {
  'a file that is not there': {
    args: ['nothing.csv'],
    message: /nothing\.csv: there is no such file/,
  },
  'an empty file': { args: ['empty.csv'], content: '', message: /the file is empty/ },
  'a binary file': {
    args: ['binary.csv'],
    content: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3, 0, 0]),
    message: /not a text file/,
  },
  'an Excel workbook': {
    args: ['book.csv'],
    content: Buffer.from('PK\u0003\u0004xxxxxxxx'),
    message: /an Excel workbook.*--format xlsx/,
  },
  'an Excel workbook by its name': {
    args: ['book.xlsx'],
    content: 'x',
    message: /not an \.xlsx workbook, but another kind of file/,
  },
  'a JSON array that was cut off': {
    args: ['cut.json'],
    content: '[{"contactId": "c-1"},\n{"contactId": "c-2"',
    message: /line 2: the element that begins here is never closed/,
  },
  'a quote that is never closed': {
    args: ['quote.csv'],
    content: `${CONTACTS}c-4,"Name,+14155551304,2025-01-01,confirmed\n`,
    message: /the quote that opens in line 5 is never closed/,
  },
  'a file beyond the limit': {
    args: ['large.csv'],
    content: csv(rows(1, 3)).padEnd(1_000_001, '\n'),
    message:
      /large\.csv: it has at least 1,\d{3},\d{3} bytes of text.*1,000,000 at most\. Split it, or raise CXFLOW_MAX_SOURCE_BYTES/,
  },
  'a folder': { args: ['folder.csv'], message: /this is a folder/ },
  'a header without rows': {
    args: ['header.csv'],
    content: `${CONTACTS.split('\n')[0]}\n`,
    message: /there is a header, but no row/,
  },
  'a file without a header': {
    args: ['headless.csv'],
    content: CONTACTS.split('\n').slice(1).join('\n'),
    message: /line 1 looks like a row, not like a header/,
  },
  'unknown column names': {
    args: ['mixed.csv'],
    content: MIXED,
    message: /4 problems[^]*No column for phone\.[^]*--map phone="Mobile Number"/,
  },
  'a --map of a field that does not exist': {
    args: ['mapped.csv', '--map', 'telephone=phone'],
    content: CONTACTS,
    message: /There is no field "telephone".* The fields are: contactId, phone/,
  },
  'a --map of a column that does not exist': {
    args: ['mapped2.csv', '--map', 'phone=Handy'],
    content: CONTACTS,
    message: /no column "Handy"/,
  },
  'a file name without a known format': {
    args: ['contacts.dat'],
    content: CONTACTS,
    message: /does not show the format/,
  },
};

it('rejects files that it cannot read with exit code 2 and a clear message, and writes nothing', async () => {
  await onStand({}, async (stand) => {
    mkdirSync(join(stand.folder, 'folder.csv'));
    for (const { args, content } of Object.values(CASES)) {
      if (content !== undefined) stand.file(args[0] ?? '', content);
    }
    // Two at a time, because each command needs a core.
    const names = Object.keys(CASES);
    for (let at = 0; at < names.length; at += 2) {
      await Promise.all(names.slice(at, at + 2).map((name) => expectRejected(stand, name)));
    }
    expect(await countLedgerRows(stand)).toEqual({ datasets: 0, runs: 0, audit: 0 });
    expect((await stand.admin.stats()).requests).toEqual({});
  });
});

async function expectRejected(stand: Stand, name: string): Promise<void> {
  const { args = [], message } = CASES[name] ?? { message: /./ };
  const ended: Ended = await stand.cxflow(['contacts', 'import', ...args, '--list', 'L1'], LIMIT);
  expect(ended, name).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr, name).toMatch(message);
  expect(ended.stderr, name).not.toMatch(/\n\s+at |Error:/);
}

async function countLedgerRows({ env }: Stand): Promise<unknown> {
  const database = openDatabase(env.DATABASE_URL ?? '', 1);
  try {
    const { rows: counted } = await sql`
      select (select count(*)::int from datasets) as datasets, (select count(*)::int from runs) as runs,
        (select count(*)::int from audit) as audit`.execute(database.db);
    return counted[0];
  } finally {
    await database.close();
  }
}
