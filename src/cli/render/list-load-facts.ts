/** What the plan and the result of a list load say beyond those of other operations. Pure. */
import type { ListLoadFigures, ListLoadOutlook, ListLoadResult } from '../../contract/list-load.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import { formatTime } from '../terminal/format.ts';
import type { Histogram, PlanFigures } from './plan.ts';
import type { Fact } from './run-parts.ts';

/** As the contract defines them; undefined: the run has no calling hours. */
export function listLoadFigures(
  figures: unknown,
  outlook?: unknown,
): PlanFigures & { readonly histogram: Histogram } {
  const { capacity, suppressions, suppressed, scores } = figures as ListLoadFigures;
  return {
    facts: [
      ['capacity', describeCapacity(capacity)],
      ['suppression list', describeList(suppressions)],
      ...suppressed.map(
        ({ list, by, n }): Fact => [
          'suppressed',
          `${formatCount(n)} by ${by}, on ${list === 'cxone' ? 'the suppression list' : 'our own list'}`,
        ],
      ),
      ...describeOutlook(outlook as ListLoadOutlook | undefined),
    ],
    histogram: {
      title: 'scores of the records to load',
      bars: scores.map((n, i) => ({ label: labelBucket(i, scores.length), n })),
    },
  };
}

/** One line for each answer that any record has. */
function describeOutlook(outlook: ListLoadOutlook | undefined): Fact[] {
  if (!outlook) return [];
  const { at, callable, outsideHours, firstMoment, unknown } = outlook;
  const first =
    firstMoment === null ? '' : `, the first of them not before ${formatTime(new Date(firstMoment))}`;
  return [
    ['calling hours', `${plural(callable, 'record')} may be called at ${formatTime(new Date(at))}`],
    ...(outsideHours === 0
      ? []
      : [['calling hours', `${formatCount(outsideHours)} may not${first}`] as const]),
    ...(unknown === 0 ? [] : [['calling hours', `of ${formatCount(unknown)} nobody can say`] as const]),
  ];
}

/** `below 10`, `10 to 20`, …, `90 and more` */
function labelBucket(index: number, buckets: number): string {
  if (index === 0) return 'below 10';
  return index === buckets - 1 ? `${index * 10} and more` : `${index * 10} to ${index * 10 + 10}`;
}

/** `result`: as the contract defines it; runs that ended otherwise have a part of it, or none. */
export function listLoadFacts(result: unknown): readonly Fact[] {
  const {
    campaignId,
    capacity,
    suppressions,
    objectedSince = 0,
    metrics,
    dryRun,
  } = result as Partial<ListLoadResult>;
  return [
    ...(campaignId === undefined ? [] : [['campaign', campaignId] as const]),
    // A dry run has changed neither; its plan says what a run would do.
    ...(capacity && !dryRun ? [['capacity', describeCapacity({ ...capacity, reserved: 0 })] as const] : []),
    ...(suppressions ? [['suppression list', describeList(suppressions)] as const] : []),
    ...(objectedSince === 0 ? [] : [['objected since', describeObjections(objectedSince)] as const]),
    ...(metrics
      ? [
          [
            'duplicates',
            `${metrics.deduplicationRate.replace('%', ' %')} of ${plural(metrics.rawIngested, 'row')}`,
          ] as const,
        ]
      : []),
    ...(metrics && !dryRun
      ? [['throughput', `${metrics.throughputPerMinute} records a minute`] as const]
      : []),
  ];
}

function describeObjections(n: number | null): string {
  return n === null
    ? "not known: CXone's list could not be relied on"
    : `${plural(n, 'record')} loaded before`;
}

/** `1,000 → 1,250 of 5,000, 300 more reserved by other runs` */
function describeCapacity({ before, after, max, reserved }: ListLoadFigures['capacity']): string {
  const others = reserved === 0 ? '' : `, ${formatCount(reserved)} more reserved by other runs`;
  return `${formatCount(before)} → ${formatCount(after)} of ${formatCount(max)}${others}`;
}

/** Plans that were stored before `fileRows` existed have none. */
function describeList({
  hash,
  entries,
  unidentified,
  fileRows = null,
}: ListLoadFigures['suppressions']): string {
  const unclear =
    unidentified === 0
      ? ''
      : `, ${formatCount(unidentified)} of which identify nobody or cannot be read in full`;
  const file = fileRows === null ? '' : ` and ${plural(fileRows, 'row')} of the file`;
  return `${plural(entries, 'entry')}${file}${unclear}, hash ${hash.slice(0, 12)}…`;
}
