/** What somebody who approves a plan should know about its records. */
import { listLoad as spec } from '../../contract/list-load.ts';
import type { ListItem } from '../../domain/list-load/items.ts';
import { findWhereabouts } from '../../domain/list-load/whereabouts.ts';
import { formatCount } from '../../domain/numbers.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { inChunks } from '../engine/chunks.ts';
import { runInput } from '../engine/run-input.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { describeHours } from './hours.ts';
import { contactIdOf, RECORDS_PER_CHUNK } from './screen.ts';
import type { ListLoadDeps } from './settings.ts';

/** Reads the pending records once, and only if there may be something to say about them. */
export async function describeRecords(
  { ledger, draining }: ListLoadDeps,
  run: Run,
): Promise<readonly string[]> {
  const input = runInput(spec, run);
  const hasObjections = !(await ledger.suppressions.isEmpty());
  if (!input.callingHours && !hasObjections) return [];
  let [records, withoutZone, withoutId] = [0, 0, 0];
  const pending = ledger.records.listPending(run.run_no);
  for await (const chunk of inChunks(pending, { items: RECORDS_PER_CHUNK })) {
    await throwIfStopping(draining);
    const items = chunk.map(({ record }) => record as ListItem);
    records += items.length;
    if (input.callingHours)
      withoutZone += items.filter(({ fields }) => 'unknown' in findWhereabouts(fields)).length;
    withoutId += items.filter((item) => contactIdOf(item) === undefined).length;
  }
  return [
    ...describeHours(input, withoutZone),
    ...(hasObjections && withoutId > 0 ? [describeWithoutId(withoutId, records)] : []),
  ];
}

function describeWithoutId(n: number, records: number): string {
  const [have, them] = n === 1 ? ['has', 'it'] : ['have', 'them'];
  const which = `${formatCount(n)} of ${formatCount(records)} ${records === 1 ? 'record' : 'records'}`;
  return `${which} ${have} no contact_id, so our own suppression list cannot be asked about ${them}`;
}
