/** Example operation: people who asked for a callback are added to a contact list, ten per request. */
import { COMMON_FIELDS, checkFields, identifier, source } from '../../src/contract/input.ts';
import type { BulkResult, CommonInput, Source } from '../../src/contract/run.ts';
import type { OperationSpec } from '../../src/contract/spec.ts';

export interface CallbackRequestInput extends CommonInput {
  readonly listId: string;
  readonly source: Source;
}

export interface CallbackRequestResult extends BulkResult {
  readonly kind: 'callbackRequest';
}

const FIELDS = { listId: identifier, source, ...COMMON_FIELDS };

export const callbackRequest: OperationSpec<'callbackRequest', CallbackRequestInput> = {
  kind: 'callbackRequest',
  stem: 'callback-request',
  identity: 'once',
  check: (value) => checkFields<CallbackRequestInput>(value, FIELDS, ['listId', 'source']),
  target: ({ listId }) => listId,
  title: ({ listId }) => `Callback requests to list ${listId}`,
  fingerprint: () => ({}),
};
