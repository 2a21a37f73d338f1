/** `npm run chaos`: imports under seeded chaos, seed by seed, each told in a few lines. Exit code 1 when one did not hold. */
import { execFileSync } from 'node:child_process';
import { type Reporter, startVitest } from 'vitest/node';
import { seedsOf } from './seeds.ts';

const USAGE = `npm run chaos -- [--seeds N] [--from SEED] | [--seed SEED …]

  --seeds N     so many seeds, one after the other (default 20)
  --from SEED   the first of them (default: a random one, which is said)
  --seed SEED   this one; repeatable. A seed does the same to an import every time

Each seed imports contacts into a CXone simulator while workers, Temporal, PostgreSQL and the simulator are killed, put to
sleep and brought back, CXone loses and garbles answers, and an operator pauses, resumes and cancels. Then independent
witnesses are asked: the parts add up, CXone's journal and the ledger agree, nobody was written twice, the audit is whole.
About half a minute a seed.`;

/** Only what went wrong; the seeds tell the rest themselves. */
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

/** False: a seed did not hold, or something else went wrong: a test beside them, an error that no test has caught. */
async function run(seeds: readonly number[]): Promise<boolean> {
  process.env.CXFLOW_CHAOS_SEEDS = seeds.join(',');
  const options = { watch: false, project: ['whole'], reporters: [failures], disableConsoleIntercept: true };
  const vitest = await startVitest('test', ['test/chaos/chaos.test.ts'], options);
  const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()]);
  const passed = (test: (typeof tests)[number] | undefined) => test?.result().state === 'passed';
  const failed = seeds.filter((_, n) => !passed(tests[n]));
  const unhandled = vitest.state.getUnhandledErrors().length;
  await vitest.close();
  console.log(`\n${seeds.length - failed.length} of ${seeds.length} seeds held`);
  for (const seed of failed) console.log(`did not hold: ${seed}. Repeat it: npm run chaos -- --seed ${seed}`);
  if (unhandled > 0) console.log(`and there were errors outside of the seeds: ${unhandled}`);
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
  const seeds = seedsOf(process.argv.slice(2));
  if (seeds === null) console.log(USAGE);
  else {
    console.log(
      `chaos · ${seeds.length} seed${seeds.length === 1 ? '' : 's'} from ${seeds[0]} · ${commit()}\n`,
    );
    // vitest may have set one of its own.
    if (!(await run(seeds))) process.exitCode = 1;
  }
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
