/** `npm run chaos`: runs every operation under seeded chaos and prints a few lines about each. Exits with 1 if a seed fails. */
import { execFileSync } from 'node:child_process';
import { type Reporter, startVitest } from 'vitest/node';
import { parseSeeds } from './seeds.ts';

const USAGE = `npm run chaos -- [--seeds N] [--from SEED] | [--seed SEED …]

  --seeds N     the number of seeds to run, one after the other (default 20)
  --from SEED   the first of them (default: a random one, which is printed)
  --seed SEED   run this seed; repeatable. The same seed always gives the same plan

Each seed imports contacts, loads lists, sends emails, updates preferences, or updates a campaign several times at once, while
workers, Temporal, PostgreSQL and the CXone simulator are killed, suspended and restarted, CXone loses and garbles answers
or is unavailable, others edit the campaign, and an operator approves, pauses, resumes, resolves and cancels. Some tenants
accept duplicates.
Afterwards the conservation check of the operation must hold: the counts add up, CXone's journal and the ledger agree,
nothing was written twice, the audit chain is intact. Outages last up to three minutes in real time, because no setting
shortens the waits between attempts. About a minute per seed.`;

/** Prints only errors; the seeds print everything else. */
const failures: Reporter = {
  onTestCaseResult(test) {
    for (const { message, diff } of test.result().errors ?? []) {
      console.log([message, diff].filter(Boolean).join('\n').replaceAll(/^/gm, '      '));
    }
  },
  onTestModuleEnd(module) {
    for (const { message } of module.errors()) console.log(message);
  },
  onTestRunEnd(_modules, errors) {
    for (const { message } of errors) console.log(message);
  },
};

/** Returns false if a seed or another test has failed, or if there was an error outside of the tests. */
async function run(seeds: readonly number[]): Promise<boolean> {
  process.env.CXFLOW_CHAOS_SEEDS = seeds.join(',');
  const options = { watch: false, project: ['crash'], reporters: [failures], disableConsoleIntercept: true };
  const vitest = await startVitest('test', ['test/chaos/chaos.test.ts'], options);
  const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
  const passed = (test: (typeof tests)[number] | undefined) => test?.result().state === 'passed';
  const failed = seeds.filter((_, n) => !passed(tests[n]));
  const unhandled = vitest.state.getUnhandledErrors().length;
  await vitest.close();
  console.log(`\n${seeds.length - failed.length} of ${seeds.length} seeds passed`);
  for (const seed of failed)
    console.log(`seed ${seed} failed; repeat it with: npm run chaos -- --seed ${seed}`);
  if (unhandled > 0) console.log(`errors outside of the seeds: ${unhandled}`);
  return tests.every(passed) && failed.length === 0 && unhandled === 0;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'not in git';
  }
}

try {
  const seeds = parseSeeds(process.argv.slice(2));
  if (seeds === null) console.log(USAGE);
  else {
    console.log(
      `chaos · ${seeds.length} seed${seeds.length === 1 ? '' : 's'} from ${seeds[0]} · ${commit()}\n`,
    );
    // Only ever set to 1: vitest may have set an exit code of its own.
    if (!(await run(seeds))) process.exitCode = 1;
  }
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
