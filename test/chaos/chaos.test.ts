/**
 * Seeded chaos: processes die and sleep, CXone misbehaves, operators change their minds, and the witnesses agree all the
 * same. Two short seeds here; `npm run chaos` runs as many as one likes (main.ts).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase } from '../../src/stack/postgres.ts';
import { useProcesses } from '../harness/processes.ts';
import { type OwnServer, startOwnPostgres, startOwnTemporal } from '../harness/servers.ts';
import type { Postgres } from '../../src/stack/postgres.ts';
import type { TemporalServer } from '../../src/stack/temporal-server.ts';
import { wreak } from './chaos.ts';
import { planOf } from './plan.ts';

const asked = process.env.CXFLOW_CHAOS_SEEDS ? process.env.CXFLOW_CHAOS_SEEDS.split(',').map(Number) : null;
const seeds = asked ?? [5, 118];

describe('chaos', () => {
  const processes = useProcesses();
  let postgres: OwnServer<Postgres>;
  let temporal: OwnServer<TemporalServer>;
  let [held, struck] = [0, 0];
  beforeAll(async () => {
    const namespaces = seeds.map((seed) => `chaos-${seed}`);
    [postgres, temporal] = await Promise.all([startOwnPostgres(), startOwnTemporal({ namespaces })]);
  });
  afterAll(() => Promise.all([postgres.remove(), temporal.remove()]));

  it.each(seeds)('seed %i: nobody lost, nobody twice, whatever dies', { timeout: 400_000 }, async (seed) => {
    const lines: string[] = [];
    const tell = (line: string) => (asked ? console.log(line) : lines.push(line));
    const databaseUrl = await createDatabase(postgres.current().url, `chaos_${seed}`);
    const chaos = { plan: planOf(seed), servers: { temporal, postgres }, databaseUrl, tell };
    struck += await wreak(processes, { ...chaos, namespace: `chaos-${seed}` }).catch((error: unknown) => {
      tell(`  ✗ ${String(error).split('\n', 1)[0]}`);
      for (const line of lines) console.log(line);
      throw error;
    });
    held += 1;
  });

  it('something did strike while the imports were under way, or this would show nothing', () => {
    if (held === seeds.length) expect(struck, 'strikes and events').toBeGreaterThan(0);
  });
});
