/** The contents of all tables of a ledger as text, to show that an erased data subject is no longer in it. */
import { sql } from 'kysely';
import { openDatabase } from '../../src/ledger/database.ts';

/** In lower case. */
export async function readLedgerContents(url: string): Promise<string> {
  const database = openDatabase(url, 1);
  const { db } = database;
  try {
    const tables = await sql<{ name: string }>`select table_name as name from information_schema.tables
      where table_schema = 'public' and table_type = 'BASE TABLE'`.execute(db);
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(
        db,
      );
      texts.push(...rows.map(({ row }) => row));
    }
    // In the text of a row, bytes would be hexadecimal.
    const { rows: chunks } = await sql<{ text: string }>`
      select encode(data, 'escape') as text from dataset_chunks`.execute(db);
    return [...texts, ...chunks.map(({ text }) => text)].join('\n').toLowerCase();
  } finally {
    await database.close();
  }
}
