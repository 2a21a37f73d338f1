/** The facts about the database that `cxflow doctor` checks. */
import type { Database } from './database.ts';

export interface DatabaseHealth {
  readonly serverTime: Date;
  readonly version: string;
  /** A standby, or a server in read-only mode. */
  readonly readOnly: boolean;
  /** False: a power cut may lose committed claims, so that their writes are sent twice. */
  readonly durable: boolean;
  readonly maxConnections: number;
  readonly usedConnections: number;
  /** Size of this database in bytes. */
  readonly bytes: number;
  /** The role may create tables in its schema. */
  readonly mayCreate: boolean;
}

const HEALTH = `
select clock_timestamp() as "serverTime",
  current_setting('server_version') as version,
  pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as "readOnly",
  current_setting('fsync')::boolean and current_setting('full_page_writes')::boolean as durable,
  current_setting('max_connections')::integer as "maxConnections",
  (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as "usedConnections",
  pg_database_size(current_database())::float8 as bytes,
  coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) as "mayCreate"`;

/** @internal */
export async function readHealth({ pool }: Database): Promise<DatabaseHealth> {
  const { rows } = await pool.query<DatabaseHealth>(HEALTH);
  const [row] = rows;
  if (!row) throw new Error('the database returned no row');
  return row;
}
