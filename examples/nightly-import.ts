/**
 * A service that hands the contacts of its own database to a CXone list, every night.
 *
 *     DATABASE_URL=postgres://… TEMPORAL_ADDRESS=… node --import tsx examples/nightly-import.ts LIST
 *
 * It stages the rows, starts the run, waits while somebody approves the plan elsewhere (the terminal, the Web UI, another
 * service), and takes back what was not imported. It may be killed at any moment and started again: the same rows for
 * the same list are the same run, and it goes on waiting for that one.
 *
 * In a project of your own: `import { connect } from 'cxflow'`, with cxflow as a dependency.
 */
import { fileURLToPath } from 'node:url';
import { connect, type ContactImportResult, type CxflowClient, type Staged } from 'cxflow';

/** Columns as in a CSV; all that cxflow does not know become custom fields. */
interface Contact {
  readonly contactId: string;
  readonly phone: string | null;
  readonly consentTimestamp: string;
  readonly optInStatus: 'confirmed' | 'pending';
  readonly segment: string;
}

export interface NightlyImport {
  readonly cxflow: CxflowClient;
  readonly listId: string;
  readonly contacts: AsyncIterable<Contact>;
  readonly say: (line: string) => void;
}

/** Returns the exit code. Errors: InputError (the input), Temporal's WorkflowFailedError (the run failed; `cause` says why). */
export async function nightlyImport({ cxflow, listId, contacts, say }: NightlyImport): Promise<number> {
  const staged = await cxflow.stageRows(contacts, 'nightly');
  // A run without a row fails, for a file may have been cut off; of a query of one's own it says that all is quiet.
  if (staged.rows === 0) {
    say('nothing has changed: there is no contact to import');
    return 0;
  }
  const runId = await startOrFind(cxflow, listId, staged, say);
  // For hours, if need be: the run is Temporal's, and this process only listens.
  const result = await cxflow.result<ContactImportResult>(runId);
  return handle(cxflow, result, say);
}

async function startOrFind(
  cxflow: CxflowClient,
  listId: string,
  { source, rows }: Staged,
  say: NightlyImport['say'],
): Promise<string> {
  const { runId, status } = await cxflow.startContactImport({
    listId,
    source,
    existing: 'update',
    approval: true,
    approvalDeadline: '12 hours',
    requestedBy: 'nightly-import',
  });
  const words = {
    started: 'waits for approval',
    running: 'is under way already',
    finished: 'has ended before',
  };
  say(`run ${runId} ${words[status]}: ${rows} contacts for list ${listId}`);
  if (status === 'started') say(`approve it with: cxflow approve '${runId}' --by YOU`);
  return runId;
}

async function handle(
  cxflow: CxflowClient,
  { runId, state, counts }: ContactImportResult,
  say: NightlyImport['say'],
): Promise<number> {
  if (state !== 'completed') {
    say(`nothing more will be written: the run was ${state}`);
    return 1;
  }
  const { created = 0, updated = 0, existing = 0 } = counts;
  say(`${created} created, ${updated} updated, ${existing} left alone, of ${counts.total}`);
  await handBack(cxflow, runId, say);
  return counts.in_doubt ? 1 : 0;
}

/** What a service does with the rest: note it at its own rows. Here only the id and the reasons are said. */
async function handBack(cxflow: CxflowClient, runId: string, say: NightlyImport['say']): Promise<void> {
  const { run_no: runNo } = await cxflow.ledger.runs.get(runId);
  for (const outcome of ['invalid', 'rejected', 'in_doubt'] as const) {
    for await (const { fields, reasons } of cxflow.ledger.records.list(runNo, outcome)) {
      say(`${String(fields.contactId)}: ${outcome}, ${reasons.map(({ code }) => code).join(' and ')}`);
    }
  }
}

/** In place of a cursor over your own table. */
async function* changedContacts(): AsyncIterable<Contact> {
  for (let n = 1; n <= 250; n += 1) {
    yield await Promise.resolve({
      contactId: `crm-${n}`,
      // Somebody typed it in by hand.
      phone: n === 13 ? 'ask at the desk' : `+1212555${String(1_000 + n)}`,
      consentTimestamp: '2025-01-31',
      optInStatus: 'confirmed',
      segment: n % 2 === 0 ? 'even' : 'odd',
    });
  }
}

async function main(listId = 'L1'): Promise<number> {
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl) throw new Error('set DATABASE_URL (and TEMPORAL_ADDRESS)');
  const cxflow = await connect({ databaseUrl });
  try {
    return await nightlyImport({ cxflow, listId, contacts: changedContacts(), say: console.log });
  } finally {
    await cxflow.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv[2]);
