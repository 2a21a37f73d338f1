/** What somebody who approves a plan should know about its records. */
import { listLoad as spec } from '../../contract/list-load.ts';
import type { ListItem } from '../../domain/list-load/items.ts';
import { formatCount, plural } from '../../domain/numbers.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { inChunks } from '../engine/chunks.ts';
import { describeConverted } from '../engine/converted-phones.ts';
import type { PlanNotes } from '../engine/definition.ts';
import { runInput } from '../engine/run-input.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { createForecast } from './hours.ts';
import { contactIdOf, RECORDS_PER_CHUNK } from './screen.ts';
import type { ListLoadDeps } from './settings.ts';

/** Reads the pending records once, and only if there may be something to say about them. */
export async function describeRecords({ ledger, draining }: ListLoadDeps, run: Run): Promise<PlanNotes> {
  const { callingHours, outsideHours = 'wait', country } = runInput(spec, run);
  const hasObjections = !(await ledger.suppressions.isEmpty());
  const converted = await describeConverted(ledger, run, country);
  if (!callingHours && !hasObjections) return { notes: converted };
  const forecast = callingHours && createForecast(callingHours, outsideHours, await ledger.now());
  let [records, withoutId] = [0, 0];
  const pending = ledger.records.listPending(run.run_no);
  for await (const chunk of inChunks(pending, { items: RECORDS_PER_CHUNK })) {
    await throwIfStopping(draining);
    const items = chunk.map(({ record }) => record as ListItem);
    records += items.length;
    for (const item of items) forecast?.add(item);
    withoutId += items.filter((item) => contactIdOf(item) === undefined).length;
  }
  const notes = [
    ...converted,
    ...(forecast?.notes() ?? []),
    ...(hasObjections && withoutId > 0 ? [describeWithoutId(withoutId, records)] : []),
  ];
  return { notes, ...(forecast && { outlook: forecast.outlook() }) };
}

function describeWithoutId(n: number, records: number): string {
  const [have, them] = n === 1 ? ['has', 'it'] : ['have', 'them'];
  const which = `${formatCount(n)} of ${plural(records, 'record')}`;
  return `${which} ${have} no contact_id, by which our own suppression list knows people: it may not find ${them}`;
}
