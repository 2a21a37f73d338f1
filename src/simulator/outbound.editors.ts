/** Third parties who edit campaigns at chosen moments: what optimistic locking is there for. */
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
  /** `now`; or right after a GET was answered from the old state; or right after a PATCH was applied. Default `now`. */
  when: z.enum(['now', 'after-get', 'after-patch']).default('now'),
  /** So many moments pass first. */
  after: z.number().int().min(0).default(0),
  /** How often at most; without it once, and `null` for ever. */
  times: z.number().int().positive().nullable().default(1),
  /** `#` in list ids and priorities becomes the number of the edit, so that each is another one. */
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
    campaigns.put('edit', edited(campaigns.find(campaignId) ?? campaigns.initial(campaignId), edit, made));
  };
  const seen = (when: 'after-get' | 'after-patch', campaignId: string): void => {
    for (const editor of editors) {
      const { edit } = editor;
      if (editor.campaignId !== campaignId || edit.when !== when) continue;
      editor.passed += 1;
      if (editor.passed > edit.after && editor.made < (edit.times ?? Infinity)) make(editor);
    }
  };
  return {
    /** Of `now`: done when this returns. */
    add(campaignId: string, edit: ParsedEdit): void {
      const editor = { campaignId, edit, passed: 0, made: 0 };
      if (edit.when === 'now') for (let n = edit.times ?? 1; n > 0; n -= 1) make(editor);
      else editors.push(editor);
    },
    clear: (campaignId: string): void => {
      editors = editors.filter((editor) => editor.campaignId !== campaignId);
    },
    afterGet: (campaignId: string): void => seen('after-get', campaignId),
    afterPatch: (campaignId: string): void => seen('after-patch', campaignId),
    /** How many edits the editors of a campaign have made, those of `now` excepted. */
    made: (campaignId: string): number =>
      editors.filter((e) => e.campaignId === campaignId).reduce((sum, { made }) => sum + made, 0),
  };
}
export type Editors = ReturnType<typeof createEditors>;

function edited(campaign: Campaign, { add, remove, set }: ParsedEdit, n: number): Campaign {
  const numbered = <T>(items: readonly T[] = []): T[] =>
    items.map((item) => (typeof item === 'string' ? (item.replaceAll('#', String(n)) as T) : item));
  const { contactSelection: was } = campaign;
  const changed = <K extends keyof SimSelection>(field: K, keyOf: (item: unknown) => string) => {
    const gone = [...(remove[field] ?? []), ...(add[field] ?? [])].map(keyOf);
    const kept = (was[field] as readonly unknown[]).filter((item) => !gone.includes(keyOf(item)));
    return [...kept, ...numbered((add[field] ?? []) as readonly unknown[])];
  };
  const contactSelection = {
    ...was,
    targetListIds: changed('targetListIds', String),
    exclusionListIds: changed('exclusionListIds', String),
    filterRules: changed('filterRules', ruleKey),
    priorityOrder: changed('priorityOrder', (item) => JSON.stringify(item)),
  } as SimSelection;
  return { ...campaign, ...set, contactSelection, version: campaign.version + 1 };
}

function ruleKey(rule: unknown): string {
  const { field, operator } = rule as { field: string; operator: string };
  return JSON.stringify([field, operator]);
}
