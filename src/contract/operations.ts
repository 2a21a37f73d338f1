/** The registry of operations. Adding one takes an entry here; docs: CONTRIBUTING.md, "Add an operation". */
import { contactImport } from './contact-import.ts';
import { emailSend } from './email-send.ts';
import { listLoad } from './list-load.ts';
import { preferenceUpdate } from './preference-update.ts';
import type { CommonInput } from './run.ts';
import { selectionUpdate } from './selection-update.ts';
import type { OperationSpecs } from './spec.ts';

// What a client exports about each operation.
export type * from './contact-import.ts';
export type * from './email-send.ts';
export type * from './list-load.ts';
export type * from './preference-update.ts';
export type * from './selection-update.ts';

export const OPERATIONS = {
  contactImport,
  emailSend,
  listLoad,
  preferenceUpdate,
  selectionUpdate,
} as const satisfies OperationSpecs;

/** `Contact import to list L1`; of an operation that is not registered here, its kind and target. */
export function titleOf({
  kind,
  target,
  input,
}: {
  readonly kind: string;
  readonly target: string;
  readonly input: unknown;
}): string {
  const spec = (OPERATIONS as OperationSpecs)[kind];
  return spec ? spec.title(input as CommonInput) : `${kind} ${target}`;
}

export type Operations = typeof OPERATIONS;
/** The workflow type of each operation. */
export type OperationKind = keyof Operations;
