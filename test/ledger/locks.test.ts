import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/ledger/database.ts';
import { assertFence } from '../../src/ledger/fence.ts';
import { oneAtATime } from '../../src/ledger/locks.ts';
import { ledgerOfFile, openRun, untilWaiting } from './harness.ts';

const opened = ledgerOfFile();

it('steps of a run that go one at a time keep out each other, a takeover and checks of the fence, but no foreign keys', async () => {
  const { ledger, url } = opened();
  // It needs four connections at once, which are all that the database of the harness has.
  const database = openDatabase(url, 8);
  onTestFinished(() => database.close());
  const { db } = database;
  const { run_no: runNo, run_id: runId } = await openRun(ledger);
  const run = await ledger.runs.takeOver(runId, 1);
  const { waiting } = await db.transaction().execute(async (tx) => {
    await oneAtATime(tx, runNo);
    // As the check of a foreign key does.
    await sql`select from runs where run_no = ${runNo} for key share nowait`.execute(db);
    const pending = Promise.all([
      db.transaction().execute((other) => oneAtATime(other, runNo)),
      db.transaction().execute((other) => assertFence(other, run)),
      ledger.runs.takeOver(runId, 1),
    ]);
    await untilWaiting(db, 3);
    return { waiting: pending };
  });
  await expect(waiting).resolves.toHaveLength(3);
});
