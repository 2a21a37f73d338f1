/** What CXone says in its answers, in PostgreSQL. */
import { sql } from 'kysely';
import type { Database, Executor } from '../database.ts';
import type { Answers, AnswersSummary, CxoneMessage, CxoneMessages, IdentifiedAnswer } from './answers.ts';

export function createAnswers({ db }: Database): Answers {
  return {
    messages: (runNo) => messages(db, runNo),
    latest: (runNo, limit) => latest(db, runNo, limit),
    summary: (runNo) => summary(db, runNo),
  };
}

async function messages(db: Executor, runNo: number): Promise<CxoneMessages> {
  const { rows } = await sql<Omit<CxoneMessage, 'text'> & { readonly text: string | null }>`
    select m.text, m.http_status as "httpStatus", sum(found.n::int)::int as n, count(*)::int as answers,
      min(w.batch) as "firstBatch"
    from writes w cross join json_each_text(w.messages) as found(hash, n)
      left join cxone_messages m on m.run_no = w.run_no and m.hash = found.hash
    where w.run_no = ${runNo} and w.messages is not null
    group by m.hash, m.text, m.http_status order by n desc, "firstBatch", m.text`.execute(db);
  const notKept = rows.find(({ text }) => text === null)?.n ?? 0;
  return { messages: rows.filter((row): row is CxoneMessage => row.text !== null), notKept };
}

async function latest(db: Executor, runNo: number, limit: number): Promise<IdentifiedAnswer[]> {
  const { rows } = await sql<IdentifiedAnswer>`
    select cxone_id as "cxoneId", batch, kind, cardinality(seqs) as records, http_status as "httpStatus",
      settled_at as "settledAt"
    from writes where run_no = ${runNo} and cxone_id is not null
    order by settled_at desc, id desc limit ${limit}`.execute(db);
  return rows;
}

async function summary(db: Executor, runNo: number): Promise<AnswersSummary> {
  const { rows } = await sql<AnswersSummary>`
    select (select avg(cxone_ms)::float8 from writes where run_no = ${runNo}) as "averageMs",
      (select count(cxone_id)::int from outcomes where run_no = ${runNo}) as "recordIds"`.execute(db);
  const [found] = rows;
  if (!found) throw new Error(`no summary of the answers of run ${runNo}`);
  return found;
}
