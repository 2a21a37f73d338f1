/**
 * The audit no longer quotes CXone's messages, which may name a person and could never be erased there: it has their number.
 * `keep_messages` differs from the one of 0011 in its audit entry, of which each answer with new texts adds one.
 */
import { type Kysely, sql } from 'kysely';

const STATEMENTS = `
create or replace function keep_messages(
  p_run_no integer, p_batch integer, p_write_id bigint, p_http_status integer, p_messages json
) returns void language plpgsql as $$
declare
  v_room integer;
  v_added integer;
begin
  if not exists (select from json_to_recordset(p_messages) m(hash text, text text) where m.text is not null
    and not exists (select from cxone_messages k where k.run_no = p_run_no and k.hash = m.hash))
    or (select count(*) from cxone_messages k where k.run_no = p_run_no) >= 50
  then
    return;
  end if;
  perform pg_advisory_xact_lock(4204, p_run_no);
  select 50 - count(*) into v_room from cxone_messages k where k.run_no = p_run_no;
  insert into cxone_messages (run_no, hash, http_status, text)
    select p_run_no, m.hash, p_http_status, m.text from json_to_recordset(p_messages) m(hash text, text text)
    where m.text is not null and not exists
      (select from cxone_messages k where k.run_no = p_run_no and k.hash = m.hash)
    limit v_room on conflict do nothing;
  get diagnostics v_added = row_count;
  if v_added > 0 then
    insert into audit_pending (run_id, action, data)
      select r.run_id, 'cxone_message', json_build_object('batch', p_batch, 'writeId', p_write_id::text,
        'httpStatus', p_http_status, 'newMessages', v_added)
      from runs r where r.run_no = p_run_no;
  end if;
end $$;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(STATEMENTS).execute(db);
}
