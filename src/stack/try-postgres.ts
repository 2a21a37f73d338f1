/** Development only: `npx tsx src/stack/try-postgres.ts [folder]` starts PostgreSQL, prints its URL, stops on Ctrl-C. */
import { startPostgres } from './postgres.ts';

const server = await startPostgres({ dir: process.argv[2] ?? '.cxflow/try' });
process.stdout.write(`${server.url}\n`);
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void server.stop());
await server.exited;
