/** What CXone says beyond single records, as the functions of the ledger take it. */
import type { Message } from '../../domain/messages.ts';
import { sha256 } from '../hashing.ts';

/** Null: nothing. Under another status the same text is another message. */
export function toMessageRows(messages: readonly Message[] = [], httpStatus: number | null) {
  if (messages.length === 0) return null;
  return messages.map(({ text, n }) => ({ hash: text === null ? MORE : toHash(httpStatus, text), text, n }));
}

/** Stands for texts that are only counted. */
const MORE = 'more';

function toHash(httpStatus: number | null, text: string): string {
  return sha256(`${httpStatus ?? ''} ${text}`).slice(0, 32);
}
