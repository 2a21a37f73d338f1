/**
 * The email send as a careful programmer would write it in a day: one table, with the outcome of each recipient and what became
 * of the message. It records no claims, so after a crash it does not know what CXone has sent, and it keeps neither the daily
 * limit nor a list of its own of people who object. Meant to be hard to beat: COPY, named statements, a single update for a
 * batch, and the batches beside each other.
 */
import { createReadStream } from 'node:fs';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'csv-parse';
import pLimit from 'p-limit';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { serveTasks } from '../contender.ts';
import { exchange } from '../http.ts';
import type { Expected } from './people.ts';

export interface BareTask {
  readonly path: string;
  readonly inFlight: number;
  readonly requiresConsent: boolean;
  readonly envelope: object;
}

export interface BareFigures {
  readonly stagedMs: number;
  /** Until the last message was sent. */
  readonly sentMs: number;
  /** From then on, until it was known what became of each. */
  readonly followedMs: number;
  readonly became: Expected;
}

interface Recipient {
  readonly seq: number;
  readonly contactId: string;
  readonly toAddress: string;
  readonly mergeFields: object;
}

interface SentBatch {
  readonly jobId: string;
  readonly seqByMailbox: ReadonlyMap<string, number>;
}

interface Event {
  readonly eventType: string;
  readonly emailAddress: string;
}

const RECIPIENTS_PER_BATCH = 100;
const EVENTS_PER_PAGE = 1_000;
const POLL_MS = 1_000;
const CHARACTERS_PER_CHUNK = 64 * 1024;
const ADDRESS = /^[^\s@,;<>]+@[^\s@,;<>]+\.[a-z]{2,}$/;
const EVENT_TYPES = 'delivery,bounce,deferred,complaint,unsubscribe,open,click';
const { DATABASE_URL: databaseUrl = '', VENDOR_URL: vendorUrl = '' } = process.env;
const EMAIL = `${vendorUrl}/v1/communications/email`;
const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 });
const agent = new http.Agent({ keepAlive: true, scheduling: 'lifo' });

async function send(task: BareTask): Promise<BareFigures> {
  const began = performance.now();
  const seqs = await stage(task.path);
  const staged = performance.now();
  let sent = staged;
  const [sending, following] = [pLimit(task.inFlight), pLimit(task.inFlight)];
  await Promise.all(
    divide(seqs).map(async (batch) => {
      const job = await sending(() => sendBatch(batch, task));
      sent = performance.now();
      if (job === null) return;
      await delay(POLL_MS);
      await following(() => follow(job));
    }),
  );
  const followedMs = performance.now() - sent;
  return { stagedMs: staged - began, sentMs: sent - staged, followedMs, became: await count() };
}

/** Returns the seqs of the recipients: one for each mailbox. */
async function stage(path: string): Promise<readonly number[]> {
  await pool.query('drop table if exists recipients');
  await pool.query(`create table recipients (seq integer primary key, contact_id text not null, address text not null,
    merge json not null, outcome text, job_id text, state text, opened boolean not null default false)`);
  const seqs: number[] = [];
  const connection = await pool.connect();
  try {
    await pipeline(
      Readable.from(readLines(path, seqs)),
      connection.query(copyFrom('copy recipients (seq, contact_id, address, merge, outcome) from stdin')),
    );
  } finally {
    connection.release();
  }
  return seqs;
}

/** In the text format of COPY, in chunks. */
async function* readLines(path: string, seqs: number[]): AsyncGenerator<string> {
  const mailboxes = new Set<string>();
  let header: readonly string[] | null = null;
  let [seq, chunk] = [0, ''];
  for await (const cells of createReadStream(path).pipe(parse()) as AsyncIterable<string[]>) {
    if (header === null) {
      header = cells;
      continue;
    }
    seq += 1;
    const { contact_id, email, ...merge } = toObject(header, cells);
    const address = (email ?? '').trim();
    const mailbox = address.toLowerCase();
    const outcome = !ADDRESS.test(mailbox) ? 'invalid' : mailboxes.has(mailbox) ? 'duplicate' : '\\N';
    if (outcome === '\\N') {
      mailboxes.add(mailbox);
      seqs.push(seq);
    }
    const json = JSON.stringify(merge).replaceAll('\\', '\\\\');
    chunk += `${seq}\t${contact_id}\t${address}\t${json}\t${outcome}\n`;
    if (chunk.length < CHARACTERS_PER_CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

const toObject = (header: readonly string[], cells: readonly string[]): Record<string, string> =>
  Object.fromEntries(header.map((name, i) => [name, cells[i] ?? '']));

function divide(seqs: readonly number[]): (readonly number[])[] {
  return Array.from({ length: Math.ceil(seqs.length / RECIPIENTS_PER_BATCH) }, (_, i) =>
    seqs.slice(i * RECIPIENTS_PER_BATCH, (i + 1) * RECIPIENTS_PER_BATCH),
  );
}

/** null: nobody was sent it. */
async function sendBatch(
  seqs: readonly number[],
  { requiresConsent, envelope }: BareTask,
): Promise<SentBatch | null> {
  const { rows } = await pool.query<Recipient>({
    name: 'read',
    text: `select seq, contact_id as "contactId", address as "toAddress", merge as "mergeFields"
      from recipients where seq = any($1::int[]) order by seq`,
    values: [seqs],
  });
  const outcomes: string[] = [];
  for (const recipient of rows) outcomes.push(await lookUp(recipient, requiresConsent));
  const open = rows.filter((_, i) => outcomes[i] === 'sent');
  const jobId = open.length === 0 ? null : await post(envelope, open);
  await pool.query({
    name: 'settle',
    text: `update recipients r set outcome = o.outcome, job_id = $3
      from unnest($1::int[], $2::text[]) o (seq, outcome) where r.seq = o.seq`,
    values: [rows.map(({ seq }) => seq), outcomes, jobId],
  });
  if (jobId === null) return null;
  return { jobId, seqByMailbox: new Map(open.map(({ seq, toAddress }) => [toAddress.toLowerCase(), seq])) };
}

async function lookUp({ toAddress, contactId }: Recipient, requiresConsent: boolean): Promise<string> {
  const found = await get(`${EMAIL}/suppressions?email=${encodeURIComponent(toAddress)}&limit=1`, 404);
  if (found !== null && (found as { results: unknown[] }).results.length > 0) return 'suppressed';
  if (!requiresConsent) return 'sent';
  const preference = await get(
    `${vendorUrl}/api/v2/preferences?contactId=${encodeURIComponent(contactId)}&channel=email`,
    404,
  );
  return (preference as { optIn?: boolean } | null)?.optIn === true ? 'sent' : 'ineligible';
}

async function post(envelope: object, open: readonly Recipient[]): Promise<string> {
  const recipients = open.map(({ toAddress, mergeFields }) => ({ toAddress, mergeFields, tags: [] }));
  const body = JSON.stringify({ ...envelope, recipients });
  const { status, text } = await exchange(agent, { method: 'POST', url: `${EMAIL}/messages`, body });
  if (status !== 202) throw new Error(`the vendor answered ${status}: ${text.slice(0, 200)}`);
  return (JSON.parse(text) as { jobId: string }).jobId;
}

async function follow({ jobId, seqByMailbox }: SentBatch): Promise<void> {
  for (;;) {
    const { status } = (await get(`${EMAIL}/jobs/${jobId}`)) as { status: string };
    if (status === 'completed') break;
    await delay(POLL_MS);
  }
  const became = new Map<number, { state: string | null; opened: boolean }>();
  for (const { eventType, emailAddress } of await readEvents(jobId)) {
    const seq = seqByMailbox.get(emailAddress.toLowerCase());
    if (seq === undefined) continue;
    const known = became.get(seq) ?? { state: null, opened: false };
    if (eventType === 'delivery') known.state = 'delivered';
    if (eventType === 'bounce') known.state = 'bounced';
    if (eventType === 'open') known.opened = true;
    became.set(seq, known);
  }
  const all = [...became.values()];
  await pool.query({
    name: 'became',
    text: `update recipients r set state = b.state, opened = b.opened
      from unnest($1::int[], $2::text[], $3::boolean[]) b (seq, state, opened) where r.seq = b.seq`,
    values: [[...became.keys()], all.map(({ state }) => state), all.map(({ opened }) => opened)],
  });
}

async function readEvents(jobId: string): Promise<readonly Event[]> {
  const events: Event[] = [];
  for (;;) {
    const query = `jobId=${jobId}&limit=${EVENTS_PER_PAGE}&offset=${events.length}&eventType=${EVENT_TYPES}`;
    const { results } = (await get(`${EMAIL}/events?${query}`)) as { results: Event[] };
    events.push(...results);
    if (results.length < EVENTS_PER_PAGE) return events;
  }
}

/** null: the status is `none`. */
async function get(url: string, none = 0): Promise<unknown> {
  const { status, text } = await exchange(agent, { method: 'GET', url });
  if (status === none) return null;
  if (status !== 200) throw new Error(`the vendor answered ${status}: ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

async function count(): Promise<Expected> {
  const outcomes = await pool.query<{ outcome: string; n: number }>(
    `select coalesce(outcome, 'pending') as outcome, count(*)::int as n from recipients group by outcome`,
  );
  const { rows } = await pool.query<Omit<Expected, 'outcomes'>>(`
    select count(*) filter (where state = 'delivered')::int as delivered,
      count(*) filter (where state = 'bounced')::int as bounced, count(*) filter (where opened)::int as opened
    from recipients`);
  const { delivered = 0, bounced = 0, opened = 0 } = rows[0] ?? {};
  const named = outcomes.rows.map(({ outcome, n }) => [outcome, n] as const);
  return { outcomes: Object.fromEntries(named), delivered, bounced, opened };
}

serveTasks(send);
