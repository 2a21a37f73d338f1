/** A source folder, and runs of contact imports that read from it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Run } from '../../src/ledger/runs/runs.ts';
import { type Opened, openRun, someId, upTo } from '../ledger/harness.ts';
import { createWorker, fakeCxone, runActivity, type WorkerOptions } from './harness.ts';

export const HEADER = 'contactId,phone,consentTimestamp,optInStatus';
export const row = (i: number) => `c${i},+1415555${String(i).padStart(4, '0')},2026-10-01,confirmed`;

let salt = 0;
/** Each call returns other content, because two runs with the same content are the same run. */
export const csv = (n: number): string =>
  `${[HEADER, ...upTo(n).map((i) => row(i))].join('\n')}\n${'\n'.repeat((salt += 1))}`;

/** Created before the tests of a file. `root` is the folder around it. */
export function useSourceFolder(opened: () => Opened) {
  const folder = { root: '', sourceDir: '' };
  beforeAll(async () => {
    folder.root = await mkdtemp(join(tmpdir(), 'cxflow-staging-'));
    folder.sourceDir = join(folder.root, 'sources');
    await mkdir(join(folder.sourceDir, 'inner'), { recursive: true });
  });
  afterAll(() => rm(folder.root, { recursive: true, force: true }));
  return {
    folder,

    /** Returns the name of the file. */
    writeCsv: async (content: string): Promise<string> => {
      const name = `${someId('file')}.csv`;
      await writeFile(join(folder.sourceDir, name), content);
      return name;
    },

    stage: (run: Run, options: WorkerOptions = {}) => {
      const { sourceDir } = folder;
      const { activities } = createWorker(opened().ledger, fakeCxone().cxone, { sourceDir, ...options });
      return runActivity(() => activities.stageRecords(run.run_id));
    },

    openRunOf: (source: object, more: object = {}) =>
      openRun(opened().ledger, { input: { listId: 'L1', source, ...more } }),

    countExactly: (run: Run) => opened().ledger.runs.exactCounts(run.run_no),
  };
}
