/** Defines the list load for the engine: how rows are read, who must not be loaded, and its one kind of request. */
import { listLoad as spec } from '../../contract/list-load.ts';
import type { ListItem } from '../../domain/list-load/items.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import type { BulkDefinition, PlanAddition } from '../engine/definition.ts';
import { settleDuplicates } from '../engine/staging.ts';
import { throwIfStopping } from '../engine/stopping.ts';
import { BATCH_DEADLINE_MS } from '../engine/write-definition.ts';
import { LOAD, loadItems } from './answers.ts';
import { NO_CAPACITY, reserveCapacity } from './capacity.ts';
import { createGate } from './gate.ts';
import { describeRecords } from './notes.ts';
import { probe } from './probe.ts';
import { describePlan, describeResult, describeUpload, renderEvent } from './report.ts';
import { createItemReader, findDuplicateItems } from './rows.ts';
import { recheck, screen } from './screen.ts';
import type { ListLoadDeps } from './settings.ts';
import { requireSnapshot } from './snapshot.ts';

/** The size of the campaign is read before each batch. */
const REQUESTS_PER_BATCH = 2;

export function defineListLoad(deps: ListLoadDeps): { readonly definition: BulkDefinition } {
  const { ledger } = deps;
  const { itemsPerBatch, intervalMs, strictUniqueness } = deps.listLoad;
  const stopping = { throwIfStopping: () => throwIfStopping(deps.draining) };
  const definition: BulkDefinition = {
    spec,
    order: 'rank',
    recordsPerBatch: itemsPerBatch,
    requestsPerBatch: REQUESTS_PER_BATCH,
    firstWrite: () => LOAD,
    personalValues: (record) => (record as ListItem).fields.map(({ value }) => value),
    writes: {
      // Where CXone refuses items whose key the list has, a repeated batch loads nobody twice.
      [LOAD]: {
        repeatable: strictUniqueness,
        // Batches leave strictly in order.
        claimAhead: false,
        deadlineMs: BATCH_DEADLINE_MS,
        spacing: { name: 'list items', intervalMs },
        probe: {
          request: (run) => probe(deps, run),
          isConclusive: false,
        },
        ...createGate(deps),
        send: (attempt) => loadItems(deps, attempt),
      },
    },
    event: {
      name: 'list_update_complete',
      endpoint: 'marketing',
      renderRun: (run, event) => renderEvent(ledger, run, event),
    },
    createReader: createItemReader,
    screen: async (run) => {
      await screen(deps, run, await requireSnapshot(deps, run, stopping));
    },
    recheck: (run) => recheck(deps, run),
    findDuplicates: findDuplicateItems,
    prepare: (run) => prepare(deps, run),
    planNotes: (run) => describeRecords(deps, run),
    result: (run, _, { counts }) => describeResult(deps, run, counts),
    auditEntry: describeUpload,
  };
  return { definition };
}

async function prepare(deps: ListLoadDeps, run: Run): Promise<PlanAddition> {
  const { suppressionSnapshots: snapshots } = deps.ledger;
  const before = await snapshots.latest(run.run_no);
  const snapshot = await requireSnapshot(deps, run, {
    throwIfStopping: () => throwIfStopping(deps.draining),
  });
  // Whoever is suppressed by now claims no key and no room. None of this changes anything once the run is planned.
  await deps.ledger.records.returnUnplanned(run, NO_CAPACITY);
  // The run was started again, or has read its source for so long that the list was read anew.
  if (snapshot.snapshotNo !== before?.snapshotNo) await screen(deps, run, snapshot);
  await settleDuplicates(deps, run, { order: 'rank', findDuplicates: findDuplicateItems });
  const reserved = await reserveCapacity(deps, run);
  const figures = await describePlan(deps.ledger, run, reserved, snapshot);
  return { notes: reserved.capacity.notes, figures };
}
