/** A file with a wish: a whole selection, what `selection show --json` wrote, or a change. */
import { readFileSync } from 'node:fs';
import type { SelectionUpdateInput } from '../../contract/selection-update.ts';
import { isObject } from '../../domain/json.ts';
import { UsageError } from '../errors.ts';

export type WishInFile = Pick<SelectionUpdateInput, 'selection' | 'change' | 'baseVersion'>;

/** Errors: UsageError. What is in it is judged by the client, every problem at once. */
export function readWish(path: string, campaignId: string): WishInFile {
  return wishIn(parse(path), path, campaignId);
}

/** Pure. */
export function wishIn(content: unknown, path: string, campaignId: string): WishInFile {
  if (!isObject(content)) throw new UsageError(`${path}: must be one JSON object`);
  if ('add' in content || 'remove' in content) return { change: content };
  if (!('contactSelection' in content)) return { selection: content };
  const { contactSelection, version, campaignId: of = campaignId } = content;
  if (of !== campaignId)
    throw new UsageError(
      `${path}: is of campaign ${String(of)}, not ${campaignId}; to take its selection over, leave "campaignId" and "version" out`,
    );
  // Made from that version, so what others changed since then stays.
  const base = version === undefined ? {} : { baseVersion: version as number };
  return { selection: contactSelection as object, ...base };
}

function parse(path: string): unknown {
  try {
    // An editor of Windows may have put a byte order mark in front.
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    const why = error instanceof SyntaxError ? `is not JSON (${error.message})` : 'cannot be read';
    throw new UsageError(`${path}: ${why}`);
  }
}
