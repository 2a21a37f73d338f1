/** Defines the preference update for the engine: how its rows are read, and the table of its writes. */
import { preferenceUpdate as spec } from '../../contract/preference-update.ts';
import type { PreferenceItem } from '../../cxone/preferences.ts';
import type { BulkDefinition } from '../engine/definition.ts';
import { BATCH_DEADLINE_MS } from '../engine/write-definition.ts';
import { GUARD, READ_BACK, UPDATE } from './answers.ts';
import { endPreferences } from './completion.ts';
import { describeSharedKeys, replaceSharedKeys } from './item-keys.ts';
import { guardBatch, isGuarded, readBackBatch } from './lookup.ts';
import { measureCompliance, renderItems } from './report.ts';
import { createPreferenceReader } from './rows.ts';
import { type PreferenceUpdateDeps, readBackInstead, updateBatch } from './update.ts';

export function definePreferenceUpdate(deps: PreferenceUpdateDeps): { readonly definition: BulkDefinition } {
  const { ledger, cxone } = deps;
  // All are repeatable: lookups only read, and a batch has a key and is read back once the key may have expired.
  const rules = {
    repeatable: true,
    claimAhead: false,
    deadlineMs: BATCH_DEADLINE_MS,
    probe: { request: () => cxone.preferences.probe(), isConclusive: false },
    gate: null,
  };
  const lookups = { ...rules, probe: { ...rules.probe, isConclusive: true } };
  const definition: BulkDefinition = {
    spec,
    recordsPerBatch: deps.preferencesPerBatch,
    firstWrite: (run) => (isGuarded(run) ? GUARD : UPDATE),
    personalValues: (record) => [(record as PreferenceItem).contactId],
    writes: {
      [GUARD]: { ...lookups, send: (attempt) => guardBatch(deps, attempt) },
      [UPDATE]: {
        ...rules,
        spacing: { name: 'preference batches', intervalMs: deps.preferencesIntervalMs },
        send: (attempt) => updateBatch(deps, attempt),
        giveUp: readBackInstead,
      },
      [READ_BACK]: { ...lookups, send: (attempt) => readBackBatch(deps, attempt) },
    },
    event: {
      name: 'preferences.batch.updated',
      endpoint: 'marketing',
      renderItems: (run, event) => renderItems(ledger, run, event),
    },
    createReader: createPreferenceReader,
    // Not in the order of the candidates, because a later row may be the newer one.
    findDuplicates: (run) => ledger.preferences.listDuplicateRows(run.run_no),
    completeStaging: (run) => replaceSharedKeys(ledger, run),
    planNotes: async (run) => ({ notes: await describeSharedKeys(ledger, run) }),
    countLookups: async (run) =>
      isGuarded(run)
        ? { requests: (await ledger.records.countPendingContacts(run.run_no)).pending, withoutContactId: 0 }
        : null,
    result: (run, _, { measures }) => measureCompliance(ledger, run, measures),
    onEndedEarly: (run) => endPreferences(ledger, run),
  };
  return { definition };
}
