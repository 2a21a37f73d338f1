/** Email sends of fault tests, and what CXone accepted compared with what the ledger knows. */
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { expect } from 'vitest';
import type { CxflowClient } from '../../src/client.ts';
import type { EmailSendInput } from '../../src/contract/email-send.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { query } from './observe.ts';
import { type Stand, until } from './stand.ts';

export const MESSAGES = { method: 'POST', path: '/communications/email/messages$' } as const;
export const EMAIL_MESSAGE = {
  subject: 'News for {{firstName}}',
  templateId: 'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
  senderAddress: 'news@example.com',
  mergeFields: ['firstName|there'],
} as const;

/** Few recipients in a batch, so that there are several. */
export const EMAIL_ENV = { CXFLOW_EMAIL_PER_REQUEST: '10', CXFLOW_MAX_IN_FLIGHT: '1' } as const;

/** Recipients of different senders differ. */
export const addressOf = (sender: string, n: number): string => `${sender}.${n}@example.com`;

export interface Recipients {
  /** Used as run id too. */
  readonly name: string;
  readonly rows: number;
  readonly input?: Partial<EmailSendInput>;
}

/** Starting the same run twice is harmless. */
export async function startSend(client: CxflowClient, { name, rows, input }: Recipients): Promise<string> {
  const { source } = await client.stageRows(
    Array.from({ length: rows }, (_, n) => {
      const emailAddress = addressOf(name, n);
      return { emailAddress, contactId: guidOf(emailAddress), firstName: `Person ${n}` };
    }),
  );
  const { runId } = await client.startEmailSend(
    { message: EMAIL_MESSAGE, source, channelConsent: 'ignore', ...input },
    { runId: name },
  );
  return runId;
}

/** The contact id of a recipient, by the address. */
export function guidOf(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

export const withoutAnswer = (fault: FaultRule['fault'], more: Partial<FaultRule> = {}): FaultRule => ({
  match: MESSAGES,
  times: 1,
  ...more,
  fault,
});

/** How often CXone accepted a message to each address of a sender, in no particular order. */
export async function timesAccepted(stand: Stand, name: string): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  for (const { toAddress } of await stand.admin.acceptedEmails())
    if (toAddress.startsWith(`${name}.`)) times.set(toAddress, (times.get(toAddress) ?? 0) + 1);
  return times;
}

export interface KnownRecipient {
  readonly address: string;
  readonly outcome: string;
  /** How many messages the ledger knows of. */
  readonly messages: number;
  /** Of the last one. */
  readonly state: string | null;
}

export async function knownRecipients(stand: Stand, runId: string): Promise<readonly KnownRecipient[]> {
  const { rows } = await query(stand, (db) =>
    sql<KnownRecipient>`
      select r.record->>'toAddress' as address, coalesce(o.outcome, 'pending') as outcome,
        (select count(*)::int from email_messages m where m.run_no = r.run_no and m.seq = r.seq) as messages,
        (select state from email_messages m where m.run_no = r.run_no and m.seq = r.seq
          order by attempt desc limit 1) as state
      from records r join runs using (run_no) left join outcomes o on o.run_no = r.run_no and o.seq = r.seq
      where run_id = ${runId} and r.record is not null order by r.seq`.execute(db),
  );
  return rows;
}

/** What CXone accepted is what the ledger calls sent, or may have been sent; nobody was sent to more often than it knows. */
export async function expectNobodyTwice(
  stand: Stand,
  runId: string,
  name = runId,
): Promise<readonly KnownRecipient[]> {
  const [accepted, known] = [await timesAccepted(stand, name), await knownRecipients(stand, runId)];
  const wrong = known.filter(({ address, outcome, messages }) => {
    const times = accepted.get(address) ?? 0;
    return outcome === 'in_doubt' ? times < messages || times > messages + 1 : times !== messages;
  });
  expect(
    wrong.map((each) => ({ ...each, accepted: accepted.get(each.address) ?? 0 })),
    'recipients whom CXone accepted more or less often than the ledger knows',
  ).toEqual([]);
  const addresses = new Set(known.map(({ address }) => address));
  expect(
    [...accepted.keys()].filter((address) => !addresses.has(address)),
    'addresses that the run does not have',
  ).toEqual([]);
  return known;
}

/** Resolves once CXone has accepted this many messages of all senders. */
export async function untilAccepted(stand: Stand, n: number): Promise<void> {
  await until(stand.admin.acceptedEmails, ({ length }) => length >= n);
}

export async function untilInDoubt(stand: Stand, runId: string): Promise<void> {
  await until(
    () => stand.client().progress(runId),
    ({ phase }) => phase === 'in_doubt',
  );
}
