/** Reads FILE.json of a selection update: a whole selection, the output of `selection show --json`, or a change. */
import type { SelectionUpdateInput } from '../../contract/selection-update.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { describeKey, isObject } from '../../domain/json.ts';
import { UsageError } from '../errors.ts';
import { readJsonFile } from './json-file.ts';

export type DesiredSelection = Pick<SelectionUpdateInput, 'selection' | 'change' | 'baseVersion'>;

/** Throws UsageError. The client checks the content and reports every problem at once. */
export function readSelectionFile(
  path: string,
  campaignId: string,
  content = readJsonFile(path),
): DesiredSelection {
  if (!isObject(content)) throw new UsageError(`${path}: the file must contain one JSON object`);
  if ('add' in content || 'remove' in content) return { change: content };
  if (!('contactSelection' in content)) return { selection: content };
  const { contactSelection, version, campaignId: ofCampaign = campaignId } = content;
  if (ofCampaign !== campaignId) {
    throw new UsageError(
      `${path}: the selection is from campaign ${describeKey(String(ofCampaign))}, not ${campaignId}; ` +
        'to use it here, remove "campaignId" and "version" from the file',
    );
  }
  // With the version that was edited, changes that others made since then are kept.
  const base = omitUndefined({ baseVersion: version as number | undefined });
  return { selection: contactSelection as object, ...base };
}
