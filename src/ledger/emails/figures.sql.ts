/** What became of the messages of a run, in PostgreSQL. */
import { sql } from 'kysely';
import type { Executor } from '../database.ts';
import { listConsents } from './consents.sql.ts';
import type { EmailFigures, FigureGroup, MessageInTimeline, Tally, TimelineEvent } from './figures.ts';
import { JOB_COLUMNS, JOBS } from './jobs.sql.ts';
import type { Job } from './jobs.ts';

interface CountedGroup extends FigureGroup {
  readonly opened: number;
  readonly clicked: number;
}

export async function countFigures(db: Executor, runNo: number): Promise<EmailFigures> {
  const groups = await countGroups(db, runNo);
  const attempts = await sql<{ n: number }>`
    select count(*)::int as n from email_messages where run_no = ${runNo} group by attempt order by attempt`.execute(
    db,
  );
  const optOuts = await countOptOuts(db, runNo);
  const unmatched = await sql<{ type: string; n: number }>`
    select type, count(*)::int as n from email_events where run_no = ${runNo} and seq is null
    group by type order by n desc, type`.execute(db);
  const events = await sql<{ n: number }>`
    select count(*)::int as n from email_events where run_no = ${runNo}`.execute(db);
  const sumOf = (part: 'n' | 'opened' | 'clicked') => groups.reduce((sum, group) => sum + group[part], 0);
  return {
    groups: groups.map(({ outcome, state, bounceClass, n }) => ({ outcome, state, bounceClass, n })),
    recipients: sumOf('n'),
    attempts: attempts.rows.map(({ n }) => n),
    opened: sumOf('opened'),
    clicked: sumOf('clicked'),
    ...optOuts,
    unmatched: unmatched.rows,
    events: events.rows[0]?.n ?? 0,
  };
}

type OptOutFigures = Pick<EmailFigures, 'complained' | 'unsubscribed' | 'optOuts'>;

async function countOptOuts(db: Executor, runNo: number): Promise<OptOutFigures> {
  const { rows } = await sql<OptOutFigures>`
    select count(*) filter (where complained)::int as complained, count(*) filter (where unsubscribed)::int as unsubscribed,
      json_build_object('handedOver', count(*) filter (where not erased and not waits),
        'waiting', count(*) filter (where not erased and waits)) as "optOuts"
    from (
      select bool_or(complained) as complained, bool_or(unsubscribed) as unsubscribed, bool_or(erased) as erased,
        bool_or(synced_at is null) as waits
      from email_messages where run_no = ${runNo} and (complained or unsubscribed) group by seq) recipients`.execute(
    db,
  );
  return rows[0] ?? { complained: 0, unsubscribed: 0, optOuts: { handedOver: 0, waiting: 0 } };
}

async function countGroups(db: Executor, runNo: number): Promise<readonly CountedGroup[]> {
  const { rows } = await sql<CountedGroup>`
    select coalesce(o.outcome, 'pending') as outcome, state, bounce_class as "bounceClass", count(*)::int as n,
      count(*) filter (where state = 'delivered' and opened)::int as opened,
      count(*) filter (where state = 'delivered' and clicked)::int as clicked
    from ${counted(runNo)}
    group by 1, 2, 3 order by n desc, 1, 2, 3`.execute(db);
  return rows;
}

const outcomesOf = (runNo: number) => sql`(select seq, outcome from outcomes where run_no = ${runNo})`;

/** One row for each recipient: the message that counts, whether any was opened or clicked, and the outcome. */
const counted = (runNo: number) => sql`
  (select distinct on (seq) seq, state, bounce_class, bool_or(opened) over recipient as opened,
      bool_or(clicked) over recipient as clicked
    from email_messages where run_no = ${runNo} window recipient as (partition by seq)
    order by seq, (state = 'delivered') desc, attempt desc) m
  left join ${outcomesOf(runNo)} o using (seq)`;

/** Many recipients have equal messages. */
export async function listTallies(db: Executor, runNo: number): Promise<Tally[]> {
  const { rows } = await sql<Tally>`
    select outcome, messages::json as messages, n from (
      select coalesce(o.outcome, 'pending') as outcome, messages, count(*)::int as n
      from (
        select seq, json_agg(json_build_object('state', state, 'counts', counts) order by attempt)::text as messages
        from email_messages where run_no = ${runNo} group by seq) m
      left join ${outcomesOf(runNo)} o using (seq)
      group by 1, 2) tallies
    order by n desc, 1, tallies.messages`.execute(db);
  return rows;
}

type TimelineRow = Omit<MessageInTimeline, 'job' | 'events'> & Job;

export async function timeline(db: Executor, runNo: number, seq: number): Promise<MessageInTimeline[]> {
  const messages = await sql<TimelineRow>`
    select m.message_id as "messageId", m.recipient_id as "recipientId", m.state, m.reason,
      m.bounce_class as "bounceClass", m.bounce_code as "bounceCode", m.complained, m.unsubscribed, m.opened, m.clicked,
      m.delivered_at as "deliveredAt", m.synced_at as "syncedAt", m.retried, m.summary, ${JOB_COLUMNS},
      m.attempt
    from ${JOBS} join email_messages m on m.run_no = j.run_no and m.job_id = j.job_id
    where m.run_no = ${runNo} and m.seq = ${seq} order by m.attempt`.execute(db);
  const events = await sql<TimelineEvent & { readonly attempt: number }>`
    select attempt, type, at, data from email_events where run_no = ${runNo} and seq = ${seq}
    order by at nulls last, event_key`.execute(db);
  const consents = await listConsents(db, runNo, seq);
  return messages.rows.map((row) => ({
    ...toMessage(row),
    consent: consents.get(row.attempt) ?? null,
    events: events.rows
      .filter(({ attempt }) => attempt === row.attempt)
      .map(({ type, at, data }) => ({ type, at, data })),
  }));
}

function toMessage(row: TimelineRow): Omit<MessageInTimeline, 'consent' | 'events'> {
  const {
    messageId,
    recipientId,
    state,
    reason,
    bounceClass,
    bounceCode,
    complained,
    unsubscribed,
    ...more
  } = row;
  const { opened, clicked, deliveredAt, syncedAt, retried, summary, ...job } = more;
  return {
    ...{ attempt: row.attempt, messageId, recipientId, state, reason, bounceClass, bounceCode },
    ...{ complained, unsubscribed, opened, clicked, deliveredAt, syncedAt, retried, summary, job },
  };
}
