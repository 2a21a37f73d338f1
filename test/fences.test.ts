/** Activities store everything under the run's fence: they pass the run that they took over, never its number alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listRepositoryFiles, ROOT } from './harness/texts.ts';

/** The methods of the ledger that take a RunRef. */
const FENCED = /\b(?:run|plan\w*|run\w*): RunRef\b/;

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const files = listRepositoryFiles();

/** `records.stage`, `runs.close` and so on, from the ports. */
const methods = files
  .filter((file) => /^src\/ledger\/(?:runs|writes|selections|consent)\/[\w-]+\.ts$/.test(file))
  .filter((file) => !file.endsWith('.sql.ts'))
  .flatMap((file) =>
    [...read(file).matchAll(/^  (\w+)\(([^)]*)\)/gm)]
      .filter(([, , parameters = '']) => FENCED.test(parameters))
      .map(([, name = '']) => name),
  );

/** Calls with a number, or with anything but the run as their first argument. */
const unfenced = (source: string): string[] =>
  [
    ...source.matchAll(
      /\b(?:runs|records|writes|selections|preferences|capacity|suppressionSnapshots)\s*\.(\w+)\(\s*([\w.]+)/g,
    ),
  ]
    .filter(([, method = '', argument = '']) => methods.includes(method) && argument !== 'run')
    .map(([call]) => call);

it('the methods with a fence are found', () => {
  expect(methods.toSorted()).toEqual(
    [
      ...['begin', 'cancelBeyond', 'cancelPending', 'close', 'finishStaging', 'markInDoubt', 'plan'],
      ...[
        'replaceSharedKeys',
        'reserve',
        'reserveBusinessKey',
        'returnUnplanned',
        'saveConflicts',
        'setPlan',
        'setSource',
      ],
      ...['settleStaged', 'stage', 'unplan'],
    ].toSorted(),
  );
  expect(unfenced('await ledger.records.stage(run.run_no, [])')).toHaveLength(1);
  expect(unfenced('await ledger.records.stage(\n  run,\n [])')).toHaveLength(0);
});

it('activities call them with the run', () => {
  const wrong = files
    .filter((file) => file.startsWith('src/activities/'))
    .flatMap((file) => unfenced(read(file)).map((call) => `${file}: ${call}`));
  expect(wrong).toEqual([]);
});

/** Files whose caller, named here, has taken the run over. */
const CALLED_BY: Readonly<Record<string, string>> = {
  'src/activities/preference-update/item-keys.ts': 'src/activities/engine/staging.ts',
  'src/activities/list-load/capacity.ts': 'src/activities/engine/planning.ts',
  'src/activities/list-load/index.ts': 'src/activities/engine/planning.ts',
  'src/activities/list-load/screen.ts': 'src/activities/engine/staging.ts',
  // A page is under the fence of the step before it: an attempt of an earlier execution is superseded.
  'src/activities/list-load/snapshot.ts': 'src/activities/engine/staging.ts',
};

it('activities that call them take the run over', () => {
  const callers = files
    .filter((file) => file.startsWith('src/activities/'))
    .filter((file) => methods.some((method) => new RegExp(`\\.${method}\\(\\s*run,`).test(read(file))));
  expect(callers).not.toEqual([]);
  for (const file of callers) expect(read(CALLED_BY[file] ?? file), file).toMatch(/takeOver\(/);
});
