/**
 * A service that imports the contacts of its own database into a CXone list every night.
 *
 *     DATABASE_URL=postgres://… TEMPORAL_ADDRESS=… node --import tsx examples/nightly-import.ts LIST
 *
 * It stages the rows, starts the run, waits while somebody approves the plan elsewhere (in a terminal, the Web UI or
 * another service), and prints what was not imported. It can be killed and started again at any time: the same rows for
 * the same list are the same run, and it continues to wait for that run.
 *
 * In your own project: `import { connect } from 'cxflow'`, with cxflow as a dependency.
 */
import { fileURLToPath } from 'node:url';
import { type ContactImportResult, type CxflowClient, connect, type Staged } from 'cxflow';

/** Columns as in a CSV file. Columns that cxflow does not know become custom fields. */
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
  readonly print: (line: string) => void;
}

/** Returns the exit code. Throws InputError, and Temporal's WorkflowFailedError if the run failed; `cause` is the failure. */
export async function nightlyImport({ cxflow, listId, contacts, print }: NightlyImport): Promise<number> {
  const staged = await cxflow.stageRows(contacts, 'nightly');
  // A run without rows fails, because a file may have been truncated. Here it means that no contact has changed.
  if (staged.rows === 0) {
    print('no contact has changed, so there is nothing to import');
    return 0;
  }
  const runId = await startOrFind(cxflow, listId, staged, print);
  // This can take hours. The run is executed by the workers, and this process only waits.
  const result = await cxflow.result<ContactImportResult>(runId);
  return handleResult(cxflow, result, print);
}

const STATUS_LABELS = {
  started: 'waits for approval',
  running: 'is already executing',
  finished: 'has already ended',
} as const;

async function startOrFind(
  cxflow: CxflowClient,
  listId: string,
  { source, rows }: Staged,
  print: NightlyImport['print'],
): Promise<string> {
  const { runId, status } = await cxflow.startContactImport({
    listId,
    source,
    existing: 'update',
    approval: true,
    approvalDeadline: '12 hours',
    requestedBy: 'nightly-import',
  });
  print(`run ${runId} ${STATUS_LABELS[status]}: ${rows} contacts for list ${listId}`);
  if (status === 'started') print(`approve it with: cxflow approve '${runId}' --by YOU`);
  return runId;
}

async function handleResult(
  cxflow: CxflowClient,
  { runId, state, counts }: ContactImportResult,
  print: NightlyImport['print'],
): Promise<number> {
  if (state !== 'completed') {
    print(`nothing more will be written, because the run was ${state}`);
    return 1;
  }
  const { created = 0, updated = 0, existing = 0 } = counts;
  print(`${created} created, ${updated} updated, ${existing} unchanged, of ${counts.total}`);
  await printNotImported(cxflow, runId, print);
  return counts.in_doubt ? 1 : 0;
}

/** A service would store this with its own rows. Only ids and reasons are printed here. */
async function printNotImported(
  cxflow: CxflowClient,
  runId: string,
  print: NightlyImport['print'],
): Promise<void> {
  const { run_no: runNo } = await cxflow.ledger.runs.get(runId);
  for (const outcome of ['invalid', 'rejected', 'in_doubt'] as const) {
    for await (const { fields, reasons } of cxflow.ledger.records.list(runNo, outcome)) {
      print(`${String(fields.contactId)}: ${outcome}, ${reasons.map(({ code }) => code).join(' and ')}`);
    }
  }
}

/** Stands for a cursor over your own table. */
async function* changedContacts(): AsyncIterable<Contact> {
  for (let n = 1; n <= 250; n += 1) {
    yield await Promise.resolve({
      contactId: `crm-${n}`,
      // Somebody typed this one by hand.
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
    return await nightlyImport({ cxflow, listId, contacts: changedContacts(), print: console.log });
  } finally {
    await cxflow.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv[2]);
