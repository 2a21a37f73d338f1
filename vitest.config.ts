import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose tests want PostgreSQL and Temporal; each file takes its own database and namespace (harness/fresh.ts). */
const WITH_SERVERS = ['ledger', 'activities', 'client', 'cli'];
/** Those that also want dist: they start whole programs, and mostly wait for them. */
const WITH_PROGRAMS = ['workflows', 'replay', 'scenarios', 'acceptance', 'faults', 'chaos', 'extension'];
/**
 * Of those, the ones that kill and start workers all the time, which keeps the cores busy. Beside them a command takes many
 * times as long, and may reach a deadline that is meant for users.
 */
const BUSY = ['faults/crash-operations', 'faults/crash-certificate', 'chaos/chaos'].map(
  (name) => `test/${name}.test.ts`,
);
/** Those with servers of their own. */
const WITH_OWN_SERVERS = ['stack', 'harness'];

/** The files that take longest, longest first, without those that are BUSY. */
const LONGEST = [
  'scenarios/selection-update',
  'faults/tokens',
  'scenarios/list-load',
  'faults/versions',
  'extension/extension',
  'faults/ended-runs',
  'faults/stale-worker',
  'scenarios/metrics',
  'scenarios/sources',
  'scenarios/list-load-suppressions',
  'faults/worker-kill',
  'faults/database-outage',
  'scenarios/package',
  'stack/dev',
  'faults/preferences',
  'faults/many-workers',
  'scenarios/rate-limits',
  'scenarios/crm',
  'faults/list-load-hours',
  'faults/bad-answers',
  'acceptance/printed-commands',
  'acceptance/contact-import',
  'replay/replay',
  'faults/objections',
  'workflows/not-before',
  'faults/list-load',
];

/**
 * Started last, a long file would run alone at the end; so after the longest come those that start programs, and then the
 * short ones. Vitest's own order needs the durations of an earlier run.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return index < 0 ? LONGEST.length + Number(project.name !== 'whole') : index;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

const files = (folders: readonly string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`);
const servers = 'test/harness/global-servers.ts';
const build = 'test/harness/global-build.ts';

/**
 * Only for what never ends: a slow test is no wrong one, for the machine may have other work to do. Tests wait with
 * harness/wait.ts, which gives up earlier and says what it was waiting for.
 */
const TIME_LIMIT_MS = 600_000;

export default defineConfig({
  test: {
    reporters: ['default', './test/harness/totals-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    // More than there are cores, for most of them wait most of the time.
    maxWorkers: 2 * availableParallelism(),
    testTimeout: TIME_LIMIT_MS,
    hookTimeout: TIME_LIMIT_MS,
    teardownTimeout: TIME_LIMIT_MS,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: files([...WITH_SERVERS, ...WITH_PROGRAMS, ...WITH_OWN_SERVERS]),
          // Loading the modules anew for each file would take longer than the tests.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'servers', include: files(WITH_SERVERS), globalSetup: [servers], isolate: false },
      },
      {
        extends: true,
        test: { name: 'stack', include: files(WITH_OWN_SERVERS) },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: files(WITH_PROGRAMS),
          exclude: BUSY,
          globalSetup: [build, servers],
        },
      },
      {
        extends: true,
        // After all others.
        test: { name: 'crash', include: BUSY, globalSetup: [build, servers], sequence: { groupOrder: 1 } },
      },
    ],
  },
});
