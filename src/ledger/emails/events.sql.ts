/** Events of messages in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { canonicalize, sha256 } from '../hashing.ts';
import { toStorable } from '../storable.ts';
import { ERASED_ID } from './erasure.sql.ts';
import type { ChangedMessage, EventPage, MessageState, NewEvent, StoredEvent } from './events.ts';
import { lockJob } from './jobs.sql.ts';
import { type Addressee, hasId, Matcher } from './matching.ts';

interface Place {
  readonly runNo: number;
  readonly jobId: string;
}

interface LockedJob extends Place {
  readonly hasEnded: boolean;
}

/** A message of the job. */
interface Message extends Addressee, MessageState {
  readonly erased: boolean;
}

/** A new event, and whose it is. */
interface Matched {
  readonly key: string;
  readonly event: NewEvent;
  readonly message: Message | null;
}

export async function saveEvents(
  tx: Executor,
  place: Place,
  page: EventPage,
): Promise<readonly ChangedMessage[]> {
  const job = { ...place, ...(await lockJob(tx, place.runNo, place.jobId)) };
  const events = toStorable(page.events);
  const changed = events.length === 0 ? [] : await addEvents(tx, job, { ...page, events });
  if (changed.length > 0) await page.onChanged?.(changed, tx);
  return changed;
}

async function addEvents(
  tx: Executor,
  place: LockedJob,
  page: EventPage,
): Promise<readonly ChangedMessage[]> {
  const added = await listNew(tx, place, page.events);
  if (added.size === 0) return [];
  const messages = await listMessages(tx, place);
  const matcher = new Matcher(messages);
  const matched = matchAll(added, matcher, messages);
  await insertEvents(tx, place, matched, messages);
  const touched = new Set(matched.flatMap(({ message }) => message ?? []));
  await matchEarlier(tx, place, matcher, touched);
  await storeIds(tx, place, matcher.bound);
  return foldAgain(tx, place, touched, page.fold);
}

/** By key, in the order of the page. */
async function listNew(
  tx: Executor,
  place: Place,
  events: readonly NewEvent[],
): Promise<ReadonlyMap<string, NewEvent>> {
  const added = new Map<string, NewEvent>();
  for (const event of events) {
    const key = toKey(event.key);
    if (!added.has(key)) added.set(key, event);
  }
  const { rows } = await sql<{ key: string }>`
    select encode(event_key, 'hex') as key from email_events
    where run_no = ${place.runNo} and job_id = ${place.jobId}
      and event_key in (select decode(key, 'hex') from unnest(${[...added.keys()]}::text[]) key)`.execute(tx);
  for (const { key } of rows) added.delete(key);
  return added;
}

/** Half of it is long enough for each event of a job. */
const toKey = (key: string): string => sha256(key).slice(0, 32);

async function listMessages(tx: Executor, { runNo, jobId }: Place): Promise<readonly Message[]> {
  const { rows } = await sql<Message>`
    select m.seq, attempt, message_id as "messageId", recipient_id as "recipientId", r.key1 as mailbox, erased, state,
      bounce_class as "bounceClass", bounce_code as "bounceCode", complained, unsubscribed, opened, clicked,
      ${isoText('delivered_at')} as "deliveredAt", ${isoText('opted_out_at')} as "optedOutAt", summary,
      counts
    from email_messages m join records r on r.run_no = m.run_no and r.seq = m.seq
    where m.run_no = ${runNo} and m.job_id = ${jobId} order by m.seq, attempt`.execute(tx);
  return rows;
}

/** As JavaScript writes it, to the millisecond. */
const isoText = (column: string) =>
  sql<string | null>`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Those with ids first: what the others may be depends on which ids are known. */
function matchAll(
  added: ReadonlyMap<string, NewEvent>,
  matcher: Matcher,
  messages: readonly Message[],
): readonly Matched[] {
  const erasedIds = new Set(
    messages.filter(({ erased }) => erased).flatMap(({ messageId, recipientId }) => [messageId, recipientId]),
  );
  // Of an erased recipient only hashes of the ids are kept.
  const toKnown = (id: string | null): string | null => {
    if (id === null || erasedIds.size === 0) return id;
    const hashed = `${ERASED_ID}${sha256(id)}`;
    return erasedIds.has(hashed) ? hashed : id;
  };
  const inOrder = [...added].toSorted(([, a], [, b]) => Number(hasId(b)) - Number(hasId(a)));
  return inOrder.map(([key, event]) => ({
    key,
    event,
    message: matcher.match({
      messageId: toKnown(event.messageId),
      recipientId: toKnown(event.recipientId),
      mailbox: event.mailbox,
      mayBeForwarded: event.mayBeForwarded,
    }) as Message | null,
  }));
}

/**
 * In a job of an erased recipient, what belongs to nobody may be about that one, and in a job that has ended nobody will be found
 * for it any more: nothing of it is kept but its type.
 */
async function insertEvents(
  tx: Executor,
  { runNo, jobId, hasEnded }: LockedJob,
  matched: readonly Matched[],
  messages: readonly Message[],
): Promise<void> {
  const isEmptied = hasEnded || messages.some(({ erased }) => erased);
  const rows = matched.map(({ key, event, message }) => {
    const { type, at, messageId, recipientId, data } = event;
    const place = { key, type, at, seq: message?.seq ?? null, attempt: message?.attempt ?? null };
    const isKept = message === null ? !isEmptied : !message.erased;
    return isKept ? { ...place, messageId, recipientId, data } : { ...place, data: {} };
  });
  await sql`
    insert into email_events (run_no, job_id, event_key, seq, attempt, message_id, recipient_id, type, at, data)
    select ${runNo}, ${jobId}, decode(key, 'hex'), seq, attempt, "messageId", "recipientId", type, at, data
    from json_to_recordset(${JSON.stringify(rows)}::json) as added(key text, seq int, attempt int, "messageId" text,
      "recipientId" text, type text, at timestamptz, data json)`.execute(tx);
}

/** Events that came before the one that has shown whose they are. Each may name another id of the recipient. */
async function matchEarlier(
  tx: Executor,
  { runNo, jobId }: Place,
  matcher: Matcher,
  touched: Set<Message>,
): Promise<void> {
  for (;;) {
    const { messageIds, recipientIds } = matcher.takeNewIds();
    if (messageIds.length + recipientIds.length === 0) return;
    const { rows } = await sql<{ key: string; messageId: string | null; recipientId: string | null }>`
      select encode(event_key, 'hex') as key, message_id as "messageId", recipient_id as "recipientId" from email_events
      where run_no = ${runNo} and job_id = ${jobId} and seq is null
        and (message_id = any(${[...messageIds]}::text[]) or recipient_id = any(${[...recipientIds]}::text[]))
      order by at, event_key`.execute(tx);
    const found = rows.flatMap(({ key, ...ids }) => {
      const message = matcher.match({ ...ids, mailbox: null, mayBeForwarded: false }) as Message | null;
      if (!message) return [];
      touched.add(message);
      return { key, seq: message.seq, attempt: message.attempt };
    });
    await sql`
      update email_events e set seq = found.seq, attempt = found.attempt
      from json_to_recordset(${JSON.stringify(found)}::json) as found(key text, seq int, attempt int)
      where e.run_no = ${runNo} and e.job_id = ${jobId} and e.event_key = decode(found.key, 'hex')`.execute(
      tx,
    );
  }
}

/**
 * `job_id`, here and below, leads PostgreSQL to the messages of the job. By run and seq alone, it reads all messages of the run
 * as long as it takes the table for a small one.
 */
async function storeIds(tx: Executor, { runNo, jobId }: Place, bound: ReadonlySet<Addressee>): Promise<void> {
  if (bound.size === 0) return;
  const rows = [...bound].map(({ seq, attempt, messageId, recipientId }) => ({
    ...{ seq, attempt, messageId, recipientId },
  }));
  await sql`
    update email_messages m set message_id = bound."messageId", recipient_id = bound."recipientId"
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as bound(seq int, attempt int, "messageId" text, "recipientId" text)
    where m.run_no = ${runNo} and m.job_id = ${jobId} and m.seq = bound.seq and m.attempt = bound.attempt`.execute(
    tx,
  );
}

/** All events of these messages, the new ones included. What is kept of an erased one shows less than was known. */
async function foldAgain(
  tx: Executor,
  { runNo, jobId }: Place,
  touched: ReadonlySet<Message>,
  fold: EventPage['fold'],
): Promise<readonly ChangedMessage[]> {
  const messages = [...touched].filter(({ erased }) => !erased).sort((a, b) => a.seq - b.seq);
  const { rows } = await sql<StoredEvent & { readonly seq: number; readonly attempt: number }>`
    select seq, attempt, type, ${isoText('at')} as at, data from email_events
    where run_no = ${runNo} and job_id = ${jobId} and seq = any(${messages.map(({ seq }) => seq)}::int[])
    order by at nulls last, event_key`.execute(tx);
  const events = new Map<string, StoredEvent[]>();
  for (const { seq, attempt, ...event } of rows) {
    const key = `${seq} ${attempt}`;
    events.set(key, [...(events.get(key) ?? []), event]);
  }
  const changed = messages.flatMap((message) => {
    const { seq, attempt } = message;
    const [before, after] = [stateOf(message), stateOf(fold(events.get(`${seq} ${attempt}`) ?? []))];
    return canonicalize(before) === canonicalize(after) ? [] : { seq, attempt, before, after };
  });
  await storeStates(tx, { runNo, jobId }, changed);
  return changed;
}

function stateOf(state: MessageState): MessageState {
  const { bounceClass, bounceCode, complained, unsubscribed, opened, clicked } = state;
  const [deliveredAt, optedOutAt] = [toIso(state.deliveredAt), toIso(state.optedOutAt)];
  const flags = { complained, unsubscribed, opened, clicked };
  const [summary, counts] = [asStored(state.summary), asStored(state.counts)];
  return { state: state.state, bounceClass, bounceCode, ...flags, deliveredAt, optedOutAt, summary, counts };
}

/** As it is read again. */
const asStored = (value: unknown): unknown => toStorable(value ?? null);

const toIso = (at: string | null): string | null => (at === null ? null : new Date(at).toISOString());

async function storeStates(
  tx: Executor,
  { runNo, jobId }: Place,
  changed: readonly ChangedMessage[],
): Promise<void> {
  if (changed.length === 0) return;
  const rows = changed.map(({ seq, attempt, after }) => ({ seq, attempt, ...after }));
  await sql`
    update email_messages m set state = c.state, reason = null, bounce_class = c."bounceClass",
      bounce_code = c."bounceCode", complained = c.complained, unsubscribed = c.unsubscribed, opened = c.opened,
      clicked = c.clicked, delivered_at = c."deliveredAt", opted_out_at = c."optedOutAt", summary = c.summary, counts = c.counts
    from json_to_recordset(${JSON.stringify(rows)}::json) as c(seq int, attempt int, state text, "bounceClass" text,
      "bounceCode" text, complained boolean, unsubscribed boolean, opened boolean, clicked boolean,
      "deliveredAt" timestamptz, "optedOutAt" timestamptz, summary json, counts json)
    where m.run_no = ${runNo} and m.job_id = ${jobId} and m.seq = c.seq and m.attempt = c.attempt`.execute(
    tx,
  );
}

export async function failRemaining(
  tx: Executor,
  { runNo, jobId }: Place,
  state: 'failed' | 'in_doubt',
  reason: string,
): Promise<number> {
  await lockJob(tx, runNo, jobId);
  const { numAffectedRows } = await sql`
    update email_messages m set state = ${state}, reason = ${reason}
    where run_no = ${runNo} and job_id = ${jobId} and state = 'accepted'
      and not exists (select from email_events e where e.run_no = m.run_no and e.seq = m.seq and e.attempt = m.attempt)`.execute(
    tx,
  );
  return Number(numAffectedRows ?? 0n);
}
