/**
 * A service that lets customers know by email when their contract is renewed.
 *
 *     DATABASE_URL=postgres://… TEMPORAL_ADDRESS=… node --import tsx examples/renewal-email.ts
 *
 * It stages the recipients, starts the run, waits until it is known what became of each message, and prints whose address it
 * has to correct. It can be killed and started again at any time: the same message to the same recipients is the same run, so
 * nobody is sent it twice.
 *
 * In your own project: `import { connect } from 'cxflow'`, with cxflow as a dependency.
 */
import { fileURLToPath } from 'node:url';
import { type CxflowClient, connect, type EmailSendInput, type EmailSendResult } from 'cxflow';

/** As in a file. Every column that cxflow does not know is a merge field. */
interface Customer {
  /** By which CXone is asked for the consent: a GUID. */
  readonly contactId: string;
  readonly emailAddress: string;
  readonly firstName: string | undefined;
  readonly renewsOn: string;
}

const MESSAGE: EmailSendInput['message'] = {
  subject: 'Your contract renews on {{renewsOn}}',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'contracts@example.com',
  mergeFields: ['firstName|customer', 'renewsOn'],
};

export interface RenewalEmail {
  readonly cxflow: CxflowClient;
  readonly customers: AsyncIterable<Customer>;
  readonly print: (line: string) => void;
}

/** Returns the exit code. Throws InputError, and Temporal's WorkflowFailedError if the run failed; `cause` is the failure. */
export async function sendRenewals({ cxflow, customers, print }: RenewalEmail): Promise<number> {
  const { source, rows } = await cxflow.stageRows(customers, 'renewals');
  const { runId, status } = await cxflow.startEmailSend({
    message: MESSAGE,
    source,
    // A contract is no advertisement. Who has objected to email, or is suppressed, is left out all the same.
    channelConsent: 'ignore',
    requestedBy: 'renewals',
  });
  print(`run ${runId} (${status}): ${rows} customers`);
  // This can take days, for there is a daily limit. The run is executed by the workers, and this process only waits.
  const { state, counts, delivery } = await cxflow.result<EmailSendResult>(runId);
  if (state !== 'completed') {
    print(`nothing more will be sent, because the run was ${state}`);
    return 1;
  }
  print(`${counts.sent ?? 0} of ${counts.total} were sent the message, ${delivery.delivered} have it`);
  await printDeadAddresses(cxflow, runId, print);
  return counts.in_doubt ? 1 : 0;
}

/** cxflow does not write to them again. A service would ask these customers for their address in another way. */
async function printDeadAddresses(
  { ledger }: CxflowClient,
  runId: string,
  print: RenewalEmail['print'],
): Promise<void> {
  const { run_no: runNo } = await ledger.runs.get(runId);
  for await (const { seq, bounceClass, bounceCode } of ledger.emails.listMessages(runNo)) {
    if (bounceClass !== 'hard') continue;
    const recipient = (await ledger.emails.recipients(runNo, [seq])).get(seq);
    print(`${recipient?.contactId ?? 'somebody who was erased'}: the address does not exist (${bounceCode})`);
  }
}

/** Stands for a cursor over your own table. */
async function* customersToRenew(): AsyncIterable<Customer> {
  for (let n = 1; n <= 120; n += 1) {
    yield await Promise.resolve({
      contactId: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      emailAddress: n === 7 ? 'moved@gone.example' : `customer-${n}@example.com`,
      firstName: n % 10 === 0 ? undefined : `Customer ${n}`,
      renewsOn: '1 January 2027',
    });
  }
}

async function main(): Promise<number> {
  const databaseUrl = process.env.DATABASE_URL;
  if (!databaseUrl) throw new Error('set DATABASE_URL (and TEMPORAL_ADDRESS)');
  const cxflow = await connect({ databaseUrl });
  try {
    return await sendRenewals({ cxflow, customers: customersToRenew(), print: console.log });
  } finally {
    await cxflow.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
