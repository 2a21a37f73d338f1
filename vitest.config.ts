import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Folders whose tests want PostgreSQL and Temporal; each file takes its own database and namespace (harness/fresh.ts). */
const WITH_SERVERS = ['ledger', 'activities', 'client', 'cli'];
/** Those that also want dist: they start whole programs, and mostly wait for them. */
const WITH_PROGRAMS = ['workflows', 'replay', 'scenarios', 'faults', 'chaos', 'extension'];
/** Of these one file at a time: they load both cores, or count what happens in a time. */
const ONE_AT_A_TIME = [
  'test/faults/rate-budget.test.ts',
  'test/faults/steering-under-load.test.ts',
  'test/scenarios/import-large.test.ts',
  'test/workflows/continue-as-new.test.ts',
];
/** One file at a time, with servers of their own. */
const ALONE = ['stack', 'harness'];

const files = (folders: readonly string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`);
const servers = 'test/harness/global-servers.ts';
const build = 'test/harness/global-build.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/harness/totals-reporter.ts'],
    // All but one, vitest's default, would leave one of two.
    maxWorkers: availableParallelism(),
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: files([...WITH_SERVERS, ...WITH_PROGRAMS, ...ALONE]),
          // A slow test is no wrong one: the machine may have others to serve.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: files(WITH_SERVERS),
          globalSetup: [servers],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: files(ALONE),
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: files(WITH_PROGRAMS),
          exclude: ONE_AT_A_TIME,
          globalSetup: [build, servers],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: ONE_AT_A_TIME,
          globalSetup: [build, servers],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
