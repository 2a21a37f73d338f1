/** What CXone sends, in a form that PostgreSQL stores. */
import { replaceUnstorable } from '../domain/text.ts';

/** Texts may contain characters that PostgreSQL refuses. Replacing them is better than losing what CXone says. */
export function toStorableJson(value: unknown): string {
  return JSON.stringify(value, (_, text: unknown) =>
    typeof text === 'string' ? replaceUnstorable(text) : text,
  );
}

/** As it is read again from a column. */
export const toStorable = <T>(value: T): T => JSON.parse(toStorableJson(value)) as T;
