/**
 * The rules of a list item (docs/cxone-contract.md#list-item-rules). Unknown fields are rejected too, so that a misspelt one
 * is noticed. Written by hand, because zod takes several times as long for 500 items.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ItemField } from '../cxone/lists.wire.ts';

export interface ItemError {
  readonly code: string;
  readonly field?: string;
  readonly message: string;
}

const E164 = /^\+[1-9]\d{1,14}$/;
/** All values together, in UTF-16 code units. */
const MAX_ROW_CHARACTERS = 512;
const PARTS = new Set(['deduplicationKeys', 'fields', 'priority']);

export function itemErrors(item: unknown, blockedNumbers: readonly string[] = []): ItemError[] {
  if (!isObject(item)) return [{ code: 'NOT_AN_OBJECT', message: 'must be an object' }];
  const errors: ItemError[] = [];
  const { deduplicationKeys, fields, priority } = item;
  for (const part in item)
    if (!PARTS.has(part)) errors.push({ code: 'UNKNOWN_PART', field: part, message: 'is unknown' });
  if (!Number.isInteger(priority) || Number(priority) < 0 || Number(priority) > 10)
    errors.push({
      code: 'PRIORITY_OUT_OF_RANGE',
      field: 'priority',
      message: 'must be a whole number from 0 to 10',
    });
  if (!isFields(fields))
    return [...errors, { code: 'FIELDS_INVALID', message: 'fields must be names and texts' }];
  return [...errors, ...fieldErrors(fields, blockedNumbers), ...keyErrors(deduplicationKeys, fields)];
}

function fieldErrors(fields: readonly ItemField[], blocked: readonly string[]): ItemError[] {
  const errors: ItemError[] = [];
  if (new Set(fields.map(({ name }) => name)).size < fields.length)
    errors.push({ code: 'FIELD_REPEATED', message: 'a field appears twice' });
  if (fields.reduce((sum, { value }) => sum + value.length, 0) > MAX_ROW_CHARACTERS)
    errors.push({ code: 'ROW_TOO_LONG', message: `more than ${MAX_ROW_CHARACTERS} characters` });
  for (const { name, value } of fields) {
    if (name === 'phone_number' && !E164.test(value))
      errors.push({ code: 'PHONE_NOT_E164', field: name, message: 'must be E.164' });
    if (blocked.includes(value))
      errors.push({ code: 'NUMBER_BLOCKED', field: name, message: 'is blocked by the tenant' });
  }
  return errors;
}

function keyErrors(keys: unknown, fields: readonly ItemField[]): ItemError[] {
  const field = 'deduplicationKeys';
  if (!isFields(keys) || keys.some(({ value }) => value === ''))
    return [{ code: 'KEYS_MISSING', field, message: 'at least one key is required, and none may be empty' }];
  const isField = (key: ItemField) => fields.some((each) => isDeepStrictEqual(each, key));
  return keys.every(isField)
    ? []
    : [{ code: 'KEY_NOT_A_FIELD', field, message: 'must be fields of the item' }];
}

function isFields(value: unknown): value is readonly ItemField[] {
  return Array.isArray(value) && value.length > 0 && value.every(isField);
}

function isField(value: unknown): value is ItemField {
  if (!isObject(value) || Object.keys(value).length !== 2) return false;
  return typeof value.name === 'string' && value.name.trim() !== '' && typeof value.value === 'string';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
