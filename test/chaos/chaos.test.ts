/**
 * Every operation under seeded chaos: processes are killed and suspended, CXone fails, others edit the same campaign,
 * operators pause and cancel, and the conservation check must pass. By default this runs a few short seeds, one of them
 * random; `npm run chaos` runs any number of seeds (main.ts).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Postgres } from '../../src/stack/postgres.ts';
import { createDatabase } from '../../src/stack/postgres.ts';
import type { TemporalServer } from '../../src/stack/temporal-server.ts';
import { useProcesses } from '../harness/processes.ts';
import { type OwnServer, startOwnPostgres, startOwnTemporal } from '../harness/servers.ts';
import { runChaos } from './chaos.ts';
import { createPlan } from './plan.ts';
import { sampleSeeds } from './seeds.ts';

const requested = process.env.CXFLOW_CHAOS_SEEDS?.split(',').map(Number) ?? null;
const seeds = requested ?? sampleSeeds();
if (!requested) console.log(`chaos: seeds ${seeds.join(', ')}`);

describe('chaos', () => {
  const processes = useProcesses();
  let postgres: OwnServer<Postgres>;
  let temporal: OwnServer<TemporalServer>;
  let [passed, disturbances] = [0, 0];
  beforeAll(async () => {
    const namespaces = seeds.map((seed) => `chaos-${seed}`);
    [postgres, temporal] = await Promise.all([startOwnPostgres(), startOwnTemporal({ namespaces })]);
  });
  afterAll(() => Promise.all([postgres.remove(), temporal.remove()]));

  it.each(seeds)('loses no record and writes none twice (seed %i)', async (seed) => {
    const lines: string[] = [];
    const print = (line: string) => (requested ? console.log(line) : lines.push(line));
    const databaseUrl = await createDatabase(postgres.current().url, `chaos_${seed}`);
    const chaos = { plan: createPlan(seed), servers: { temporal, postgres }, databaseUrl, print };
    disturbances += await runChaos(processes, { ...chaos, namespace: `chaos-${seed}` }).catch(
      (error: unknown) => {
        print(`  ✗ ${String(error).split('\n', 1)[0]}`);
        for (const line of lines) console.log(line);
        throw error;
      },
    );
    passed += 1;
  });

  it('disturbed the runs while they were in progress', () => {
    if (passed === seeds.length) expect(disturbances, 'faults and events').toBeGreaterThan(0);
  });
});
