/** Stages a file, starts the list load and follows it until it ends. */
import { itemRules, type ListLoadInput, type OutsideHours } from '../../contract/list-load.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { suppressionColumnProblems } from '../../domain/consent/suppression-file.ts';
import { readCallingHours } from '../../domain/list-load/calling-hours.ts';
import { listMapProblems, resolveListColumns } from '../../domain/list-load/columns.ts';
import { readFieldSchema, readScoringRules } from '../../domain/list-load/rules.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type Output, openOutput } from '../terminal/output.ts';
import type { SourceRunOptions } from './options.ts';
import { readJsonInput } from './standard-input.ts';
import {
  findRunToRetry,
  openRunSource,
  requireInput,
  requireOneSource,
  stageFile,
  startAndFollow,
  toCommonInput,
} from './start-run.ts';

export interface LoadOptions extends SourceRunOptions {
  readonly list?: string;
  readonly campaign?: string;
  readonly deduplicateBy?: readonly string[];
  /** FILE.json */
  readonly scoring?: string;
  readonly scoreColumn?: string;
  /** FILE.json */
  readonly schema?: string;
  readonly country?: string;
  readonly fit?: boolean;
  /** CSV, NDJSON or JSON */
  readonly suppress?: string;
  readonly suppressSheet?: string;
  /** FILE.json */
  readonly callingHours?: string;
  readonly outsideHours?: OutsideHours;
  readonly acceptSuppressions?: string;
}

/** Throws UsageError, InputError, SourceError, RunNotFound, Unreachable. */
export async function loadList(cli: Cli, file: string | undefined, options: LoadOptions): Promise<ExitCode> {
  const output = openOutput(cli, options.json);
  requireOneSource(file, options, 'load');
  const rules = await readRules(cli, options);
  return withSession(cli, async (session) => {
    const earlier = await findRunToRetry(cli, session, options);
    const target = chooseTarget(options, earlier);
    const merged = { ...optionsOfRun(earlier), ...rules };
    requireHours(merged);
    const given = { ...target, ...merged, ...toCommonInput(options) };
    requireInput('listLoad', given, options);
    const suppress = await stageSuppressions(cli, session, options, output);
    // Here, because only the rules of this run say which columns it needs.
    const columnProblems = (columns: readonly string[] | null, map: Readonly<Record<string, string>>) => {
      if (columns === null) return listMapProblems(null, map);
      const resolved = resolveListColumns(columns, map, itemRules(merged));
      return 'problems' in resolved ? resolved.problems : [];
    };
    const source = await openRunSource(
      session,
      { file, earlier, stdin: cli.stdin },
      options,
      { columnProblems },
      output,
    );
    const client = await session.client();
    const input = { ...given, ...suppress, source };
    const start = () => client.startListLoad(input, omitUndefined({ runId: options.id }));
    const againHint = 'To load it again, add --again.';
    return startAndFollow({ start, cli, session, output, options, againHint });
  });
}

/** A second file, which the worker reads together with CXone's list. */
async function stageSuppressions(
  { stdin }: Cli,
  session: Session,
  { suppress: file, suppressSheet: sheet }: LoadOptions,
  output: Output,
): Promise<Pick<ListLoadInput, 'suppress'>> {
  if (file === undefined && sheet !== undefined)
    throw new UsageError('--suppress-sheet needs --suppress FILE');
  if (file === undefined) return {};
  const columnProblems = (columns: readonly string[] | null) => suppressionColumnProblems(columns);
  const { source } = await stageFile(session, file, { columnProblems, sheet, stdin }, output);
  return { suppress: source.dataset };
}

/** What a retry takes over from the earlier run. */
const KEPT = [
  'deduplicateBy',
  'scoring',
  'schema',
  'country',
  'fit',
  'callingHours',
  'outsideHours',
  'suppress',
] as const;

type Rules = Pick<ListLoadInput, (typeof KEPT)[number] | 'acceptSuppressions'>;

/** Throws UsageError with every problem of the files. */
async function readRules(cli: Cli, options: LoadOptions): Promise<Rules> {
  const { deduplicateBy, scoreColumn, country, fit, outsideHours, acceptSuppressions } = options;
  if (options.scoring !== undefined && scoreColumn !== undefined)
    throw new UsageError('--scoring and --score-column exclude each other: a record has one score');
  const problems: string[] = [];
  const readFile = async <T extends object>(
    file: string | undefined,
    read: (content: unknown) => Read<T>,
  ) => {
    if (file === undefined) return undefined;
    const result = read(await readJsonInput(cli, file));
    if (!('problems' in result)) return result;
    problems.push(...result.problems.map((problem) => `${file}: ${problem}`));
    return undefined;
  };
  const scoring = (await readFile(options.scoring, readScoringRules))?.rules;
  const schema = (await readFile(options.schema, readFieldSchema))?.schema;
  const callingHours = (await readFile(options.callingHours, readCallingHours))?.hours;
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return omitUndefined({
    deduplicateBy,
    scoring: scoreColumn === undefined ? scoring : { column: scoreColumn },
    schema,
    country,
    fit,
    callingHours,
    outsideHours,
    acceptSuppressions,
  });
}

/** A retry has the hours of the earlier run, if that had any. */
function requireHours({ callingHours, outsideHours }: Rules): void {
  if (outsideHours !== undefined && callingHours === undefined)
    throw new UsageError(
      '--outside-hours needs --calling-hours FILE.json: the hours in which people may be called',
    );
}

type Read<T> = T | { readonly problems: readonly string[] };

function chooseTarget(
  { list, campaign }: LoadOptions,
  earlier: Run | null,
): Pick<ListLoadInput, 'listId' | 'campaignId'> {
  const { campaignId: before } = (earlier?.input ?? {}) as Partial<ListLoadInput>;
  const [listId, campaignId] = [list ?? earlier?.target, campaign ?? before];
  if (listId !== undefined && campaignId !== undefined) return { listId, campaignId };
  const missing = [
    ...(listId === undefined ? ['--list ID'] : []),
    ...(campaignId === undefined ? ['--campaign ID'] : []),
  ];
  throw new UsageError(
    `add ${missing.join(' and ')}: a load needs the list, and the campaign that dials from it`,
  );
}

/** A retry loads as the earlier run did, unless the user gives other options. */
function optionsOfRun(earlier: Run | null): Rules {
  const input = (earlier?.input ?? {}) as Partial<ListLoadInput>;
  return omitUndefined(Object.fromEntries(KEPT.map((option) => [option, input[option]])));
}
