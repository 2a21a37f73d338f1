/** Third parties who edit a campaign at chosen moments, to test optimistic locking. */
import { z } from 'zod';
import type { Campaign, Campaigns, SimSelection } from './outbound.state.ts';

const PART = z
  .strictObject({
    targetListIds: z.array(z.string()),
    exclusionListIds: z.array(z.string()),
    filterRules: z.array(z.looseObject({ field: z.string(), operator: z.string() })),
    priorityOrder: z.array(z.unknown()),
  })
  .partial();

export const EDIT = z.strictObject({
  /** `after-get`: right after a GET was answered with the old version; `after-patch`: right after a PATCH was applied. */
  when: z.enum(['now', 'after-get', 'after-patch']).default('now'),
  /** How many such requests pass before the first edit. */
  after: z.number().int().min(0).default(0),
  /** The maximum number of edits; `null` means no limit. */
  times: z.number().int().positive().nullable().default(1),
  /** `#` in list ids and priorities is replaced by the number of the edit, so that each edit differs. */
  add: PART.default({}),
  remove: PART.default({}),
  /** Other fields of the campaign. */
  set: z.record(z.string(), z.unknown()).default({}),
});
export type Edit = z.input<typeof EDIT>;
type ParsedEdit = z.infer<typeof EDIT>;

interface Editor {
  readonly campaignId: string;
  readonly edit: ParsedEdit;
  passed: number;
  made: number;
}

export function createEditors(campaigns: Campaigns) {
  let editors: Editor[] = [];

  const make = (editor: Editor): void => {
    editor.made += 1;
    const { campaignId, edit, made } = editor;
    campaigns.put('edit', applyEdit(campaigns.find(campaignId) ?? campaigns.initial(campaignId), edit, made));
  };
  const handle = (when: 'after-get' | 'after-patch', campaignId: string): void => {
    for (const editor of editors) {
      const { edit } = editor;
      if (editor.campaignId !== campaignId || edit.when !== when) continue;
      editor.passed += 1;
      if (editor.passed > edit.after && editor.made < (edit.times ?? Infinity)) make(editor);
    }
  };
  return {
    /** An edit of `now` has been made when this returns. */
    add(campaignId: string, edit: ParsedEdit): void {
      const editor = { campaignId, edit, passed: 0, made: 0 };
      if (edit.when === 'now') for (let n = edit.times ?? 1; n > 0; n -= 1) make(editor);
      else editors.push(editor);
    },
    clear: (campaignId: string): void => {
      editors = editors.filter((editor) => editor.campaignId !== campaignId);
    },
    afterGet: (campaignId: string): void => handle('after-get', campaignId),
    afterPatch: (campaignId: string): void => handle('after-patch', campaignId),
    /** How many edits of a campaign have been made, not counting those of `now`. */
    countEdits: (campaignId: string): number =>
      editors.filter((e) => e.campaignId === campaignId).reduce((sum, { made }) => sum + made, 0),
  };
}
export type Editors = ReturnType<typeof createEditors>;

function applyEdit(campaign: Campaign, { add, remove, set }: ParsedEdit, n: number): Campaign {
  const numbered = <T>(items: readonly T[] = []): T[] =>
    items.map((item) => (typeof item === 'string' ? (item.replaceAll('#', String(n)) as T) : item));
  const { contactSelection: before } = campaign;
  const change = <K extends keyof SimSelection>(field: K, toKey: (item: unknown) => string) => {
    const replaced = [...(remove[field] ?? []), ...(add[field] ?? [])].map(toKey);
    const kept = (before[field] as readonly unknown[]).filter((item) => !replaced.includes(toKey(item)));
    return [...kept, ...numbered((add[field] ?? []) as readonly unknown[])];
  };
  const contactSelection = {
    ...before,
    targetListIds: change('targetListIds', String),
    exclusionListIds: change('exclusionListIds', String),
    filterRules: change('filterRules', ruleKey),
    priorityOrder: change('priorityOrder', (item) => JSON.stringify(item)),
  } as SimSelection;
  return { ...campaign, ...set, contactSelection, version: campaign.version + 1 };
}

function ruleKey(rule: unknown): string {
  const { field, operator, value } = rule as { field: string; operator: string; value?: unknown };
  return JSON.stringify([field, operator, value]);
}
