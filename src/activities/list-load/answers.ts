/** Sends a batch of items, and reads CXone's answer (docs/cxone-contract.md#upload-items). */
import { listLoad as spec } from '../../contract/list-load.ts';
import type { CreateItemsAnswer, NamedItem } from '../../cxone/lists.ts';
import { plural } from '../../domain/numbers.ts';
import {
  asTooLarge,
  existingGroup,
  type Interpretation,
  interpretCreate,
} from '../engine/created-records.ts';
import type { PriorAttempt } from '../engine/prior-attempt.ts';
import { runInput } from '../engine/run-input.ts';
import type { Answer, WriteAttempt } from '../engine/write-definition.ts';
import type { ListLoadDeps } from './settings.ts';

export const LOAD = 'load';

interface Sent {
  readonly seqs: readonly number[];
  readonly priorAttempt: PriorAttempt;
}

/** Items that the list has already stay as they are: CXone has no request that reads or changes one. */
export function interpretLoad(answer: CreateItemsAnswer, sent: Sent): Interpretation {
  const read = answer.kind === 'created' ? { ...answer, created: answer.itemsCreated } : answer;
  return interpretCreate<NamedItem>(read, {
    ...sent,
    kind: LOAD,
    settleExisting: (existing, maybeOwn) => ({
      groups: [existingGroup([...existing.keys()], [], maybeOwn)],
      derived: [],
    }),
  });
}

/**
 * POST of a batch. Repeating it is safe while CXone refuses items whose key the list has: a batch is atomic, so a second one
 * either finds nothing of the first, or is refused with a 409 that names all of it.
 */
export async function loadItems({ cxone }: ListLoadDeps, attempt: WriteAttempt): Promise<Answer> {
  const { listId } = runInput(spec, attempt.run);
  const { seqs, payload, beforeSend } = attempt;
  // Sent as the very text that was hashed.
  const items = { count: seqs.length, json: payload };
  const answer = await cxone.lists
    .createItems({ listId, items, beforeSend })
    .catch((error: unknown): CreateItemsAnswer => asTooLarge(error));
  return {
    ...interpretLoad(answer, attempt),
    httpStatus: answer.status,
    requestId: answer.requestId,
    messages: answer.notes,
    details: describe(answer, seqs.length),
  };
}

function describe(answer: CreateItemsAnswer, sent: number): string {
  const named = answer.named.length === 0 ? '' : `, ${answer.named.length} named`;
  if (answer.kind === 'created')
    return `Created ${answer.itemsCreated ?? 'some'} of ${plural(sent, 'item')}${named}`;
  const what = answer.kind === 'duplicates' ? 'refused for duplicates' : 'refused';
  return `HTTP ${answer.status}: ${what}${named}`;
}
