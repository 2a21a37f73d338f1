/**
 * The workflows of a later version: each takes a step that today's does not know, behind a patch, as CONTRIBUTING.md asks
 * for. Runs that began before the patch go on without it.
 */
import { patched, upsertMemo } from '@temporalio/workflow';
import * as today from '../../../src/workflows/index.ts';

export {
  campaignSelection,
  eligibilityCheck,
  eligibilityList,
  erasure,
} from '../../../src/workflows/index.ts';

/** The id of the patch. */
export const PATCH = 'next-version';

function takeNewStep(): void {
  if (patched(PATCH)) upsertMemo({ version: PATCH });
}

export function contactImport(...args: Parameters<typeof today.contactImport>) {
  takeNewStep();
  return today.contactImport(...args);
}

export function preferenceUpdate(...args: Parameters<typeof today.preferenceUpdate>) {
  takeNewStep();
  return today.preferenceUpdate(...args);
}

export function selectionUpdate(...args: Parameters<typeof today.selectionUpdate>) {
  takeNewStep();
  return today.selectionUpdate(...args);
}
