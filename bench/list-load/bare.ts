/**
 * The list load as a careful programmer would write it in a day: one table, first the rows, then the outcome of each batch. It
 * records no claims, so after a crash it does not know what CXone has, and it asks neither for the capacity of the campaign nor
 * for people who have objected since. Meant to be hard to beat: COPY, named statements, a single update for a batch.
 */
import { createReadStream } from 'node:fs';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { serveTasks } from '../contender.ts';
import { post } from '../http.ts';
import type { Outcomes } from './leads.ts';

export interface BareTask {
  readonly path: string;
  readonly listId: string;
}

export interface BareFigures {
  readonly suppressionsMs: number;
  readonly stagedMs: number;
  readonly plannedMs: number;
  readonly uploadedMs: number;
  readonly outcomes: Outcomes;
}

const ITEMS_PER_BATCH = 500;
const CHARACTERS_PER_CHUNK = 64 * 1024;
const E164 = /^\+[1-9]\d{1,14}$/;
const { DATABASE_URL: databaseUrl = '', VENDOR_URL: vendorUrl = '' } = process.env;
const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
const agent = new http.Agent({ keepAlive: true });

interface Winner {
  readonly seq: number;
  readonly score: number;
}

/** Who is loaded, by phone number, and who is a duplicate of them. */
interface Ranking {
  readonly winners: Map<string, Winner>;
  readonly duplicates: number[];
}

async function load({ path, listId }: BareTask): Promise<BareFigures> {
  const began = performance.now();
  const ranking: Ranking = { winners: new Map(), duplicates: [] };
  const suppressed = await readSuppressions();
  const read = performance.now();
  await stage(path, suppressed, ranking);
  const staged = performance.now();
  await settle(ranking.duplicates, 'duplicate');
  const order = [...ranking.winners.values()].sort((a, b) => b.score - a.score || a.seq - b.seq);
  const planned = performance.now();
  for (let at = 0; at < order.length; at += ITEMS_PER_BATCH)
    await upload(
      listId,
      order.slice(at, at + ITEMS_PER_BATCH).map(({ seq }) => seq),
    );
  const uploaded = performance.now();
  const { rows } = await pool.query<{ outcome: string; n: number }>(
    `select coalesce(outcome, 'pending') as outcome, count(*)::int as n from leads group by outcome`,
  );
  return {
    suppressionsMs: read - began,
    stagedMs: staged - read,
    plannedMs: planned - staged,
    uploadedMs: uploaded - planned,
    outcomes: Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n])),
  };
}

async function stage(path: string, suppressed: ReadonlySet<string>, ranking: Ranking): Promise<void> {
  await pool.query('drop table if exists leads');
  await pool.query('create table leads (seq integer primary key, item json not null, outcome text)');
  const connection = await pool.connect();
  try {
    const lines = readLines(path, suppressed, ranking);
    await pipeline(
      Readable.from(lines),
      connection.query(copyFrom('copy leads (seq, item, outcome) from stdin')),
    );
  } finally {
    connection.release();
  }
}

async function readSuppressions(): Promise<ReadonlySet<string>> {
  const response = await fetch(`${vendorUrl}/api/v2/compliance/suppressions?status=ACTIVE`);
  const entries = (await response.json()) as { phoneNumber: string }[];
  return new Set(entries.map(({ phoneNumber }) => phoneNumber));
}

/** In the text format of COPY, in chunks. */
async function* readLines(
  path: string,
  suppressed: ReadonlySet<string>,
  { winners, duplicates }: Ranking,
): AsyncGenerator<string> {
  let header: readonly string[] | null = null;
  let [seq, chunk] = [0, ''];
  for await (const cells of createReadStream(path).pipe(parse()) as AsyncIterable<string[]>) {
    if (header === null) {
      header = cells;
      continue;
    }
    seq += 1;
    const fields = header.map((name, i) => ({ name, value: cells[i] ?? '' })).filter(({ value }) => value);
    const get = (name: string) => fields.find((field) => field.name === name)?.value ?? '';
    const phone = get('phone_number');
    const score = scoreOf(get);
    const priority = Math.floor(Math.min(100, Math.max(0, score)) / 10);
    const outcome = !E164.test(phone) ? 'invalid' : suppressed.has(phone) ? 'suppressed' : '\\N';
    if (outcome === '\\N') {
      const other = winners.get(phone);
      if (other && other.score >= score) duplicates.push(seq);
      else winners.set(phone, { seq, score });
      if (other && other.score < score) duplicates.push(other.seq);
    }
    const item = { deduplicationKeys: [{ name: 'phone_number', value: phone }], fields, priority };
    chunk += `${seq}\t${JSON.stringify(item).replaceAll('\\', '\\\\')}\t${outcome}\n`;
    if (chunk.length < CHARACTERS_PER_CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

/** The rules of the campaign list tutorial. */
function scoreOf(get: (name: string) => string): number {
  const days = Number(get('last_contact_days') || 30);
  const rating = get('engagement_rating').toUpperCase();
  let score = 50;
  if (days < 14) score += 20;
  if (days > 90) score -= 15;
  if (rating === 'HIGH') score += 25;
  if (rating === 'LOW') score -= 20;
  if (get('customer_status').toUpperCase() === 'ACTIVE') score += 15;
  return score;
}

async function upload(listId: string, seqs: readonly number[]): Promise<void> {
  const { rows } = await pool.query<{ item: string }>({
    name: 'read',
    text: 'select item::text as item from leads where seq = any($1::int[]) order by array_position($1::int[], seq)',
    values: [seqs],
  });
  const body = `{"items":[${rows.map(({ item }) => item).join(',')}]}`;
  const answer = await post(agent, `${vendorUrl}/api/v2/lists/${listId}/items`, body);
  const { itemsCreated } = JSON.parse(answer) as { itemsCreated: number };
  if (itemsCreated !== seqs.length) throw new Error(`${itemsCreated} of ${seqs.length} were created`);
  await settle(seqs, 'created');
}

async function settle(seqs: readonly number[], outcome: string): Promise<void> {
  await pool.query({
    name: 'settle',
    text: 'update leads set outcome = $2 where seq = any($1::int[])',
    values: [seqs, outcome],
  });
}

serveTasks(load);
