/** The values that a recipient has for the merge fields (docs/email-send.md#merge-fields). Pure. */
import { normalizeName } from '../columns.ts';
import { type Fields, readField } from '../fields.ts';
import { describeKey, isObject } from '../json.ts';
import type { Reason } from '../run.ts';
import { TEXT_RULES, textProblem } from '../text.ts';
import { type Part, readCell } from './cells.ts';
import type { RecipientColumns } from './columns.ts';
import type { EmailMessage } from './message.ts';
import { lineProblem, subjectProblem } from './subject.ts';
import { mergeTemplate, namesIn, parseTemplate } from './template.ts';

/** A value, or what is wrong with it. */
interface Cell {
  readonly text: string;
  /** As the source names it. */
  readonly field: string;
  readonly reasons: readonly Reason[];
}

/**
 * Reads the values of one row after another: of every declared field, with fallbacks filled in; without declarations, of every
 * column.
 */
export function createMergeReader({ subject, mergeFields }: Pick<EmailMessage, 'subject' | 'mergeFields'>) {
  const template = parseTemplate(subject);
  const inSubject = new Set(namesIn(template));
  const fallbacks = mergeFields && new Map(mergeFields.map(({ name, fallback }) => [name, fallback]));
  const declared = mergeFields && new Map(mergeFields.map(({ name }) => [normalizeName(name), name]));
  const nameOf = (key: string) => (declared ? declared.get(normalizeName(key)) : key);

  return (
    fields: Fields,
    columns: RecipientColumns,
    nested: unknown,
  ): Part<Readonly<Record<string, string>>> => {
    const cells = groupCells([...flatCells(fields, columns), ...nestedCells(nested, nameOf)]);
    const read = [...(fallbacks?.keys() ?? cells.keys())].map(
      (name) => [name, readValue(name, cells.get(name) ?? [])] as const,
    );
    const reasons = [
      ...(nested === undefined || isObject(nested) ? [] : [NOT_AN_OBJECT]),
      ...read.flatMap(([, { reasons: each }]) => each),
    ];
    // Entries define properties instead of assigning them, so a field may be called `__proto__`.
    const value = Object.fromEntries(read.map(([name, each]) => [name, each.value]));
    return { value, reasons: reasons.length > 0 ? reasons : mergedReasons(value) };
  };

  function readValue(name: string, given: readonly Cell[]): Part<string> {
    const wrong = given.flatMap((cell) => [...cell.reasons, ...textReasons(cell, inSubject.has(name))]);
    const [first, second] = given.filter(({ text }) => text.trim() !== '');
    if (second) wrong.push({ code: 'field_repeated', field: second.field });
    if (first && name.trim() === '') wrong.push({ code: 'field_without_name' });
    if (wrong.length > 0) return { value: '', reasons: wrong };
    const fallback = fallbacks ? (fallbacks.get(name) ?? null) : '';
    if (first || fallback !== null) return { value: first?.text ?? fallback ?? '', reasons: [] };
    return { value: '', reasons: [{ code: 'merge_field_missing', field: name, message: NO_VALUE }] };
  }

  function mergedReasons(values: Readonly<Record<string, string>>): readonly Reason[] {
    const wrong = subjectProblem(mergeTemplate(template, (name) => values[name] ?? ''));
    return wrong === null
      ? []
      : [{ code: 'subject_invalid', message: `with its values, the subject ${wrong}` }];
  }
}

const NO_VALUE = 'has no value, and the field has no fallback';
const NOT_AN_OBJECT: Reason = {
  code: 'merge_fields_not_an_object',
  field: 'mergeFields',
  message: 'must be {"name": "text"}',
};

type Named = readonly [name: string, cell: Cell];

function flatCells(fields: Fields, { merge }: RecipientColumns): Named[] {
  return merge.map(({ name, column }): Named => {
    const { value, reasons } = readCell(readField(fields, column), column);
    return [name, { text: value, field: column, reasons }];
  });
}

/** `mergeFields` of a row of NDJSON or JSON, which has texts only. */
function nestedCells(nested: unknown, nameOf: (key: string) => string | undefined): Named[] {
  if (!isObject(nested)) return [];
  return Object.entries(nested).flatMap(([key, value]): Named[] => {
    const name = nameOf(key);
    if (name === undefined) return [];
    const field = `mergeFields.${describeKey(key)}`;
    if (typeof value === 'string') return [[name, { text: value, field, reasons: [] }]];
    return [[name, { text: '', field, reasons: [{ code: 'merge_field_not_text', field }] }]];
  });
}

function groupCells(named: readonly Named[]): ReadonlyMap<string, readonly Cell[]> {
  const cells = new Map<string, Cell[]>();
  for (const [name, cell] of named) {
    const same = cells.get(name);
    if (same) same.push(cell);
    else cells.set(name, [cell]);
  }
  return cells;
}

function textReasons({ text, field }: Cell, isInSubject: boolean): readonly Reason[] {
  const wrong = textProblem(text, TEXT_RULES.value);
  if (wrong !== null) return [{ code: 'merge_field_invalid', field, message: wrong }];
  const inLine = isInSubject ? lineProblem(text) : null;
  if (inLine === null) return [];
  return [{ code: 'merge_field_invalid', field, message: `${inLine}, because the subject has it` }];
}
