/** The rules of a contactSelection (docs/cxone-contract.md#selection-rules). Returns all problems, not only the first. */
import { isDeepStrictEqual } from 'node:util';

const FIELDS = ['targetListIds', 'exclusionListIds', 'filterRules', 'priorityOrder'];

export function selectionErrors(selection: unknown): string[] {
  if (!isObject(selection)) return ['contactSelection must be an object'];
  const errors: string[] = [];
  for (const field of FIELDS)
    if (!Array.isArray(selection[field])) errors.push(`contactSelection.${field} must be an array`);
  if (errors.length > 0) return errors;
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection as Record<
    string,
    unknown[]
  >;
  const [targets = [], exclusions = []] = [targetListIds, exclusionListIds];
  if (targets.length === 0) errors.push('no target list is given');
  if ([...targets, ...exclusions].some((id) => typeof id !== 'string' || id === ''))
    errors.push('list ids must be non-empty strings');
  if (new Set(targets).size < targets.length || new Set(exclusions).size < exclusions.length)
    errors.push('a list appears twice');
  const overlap = targets.filter((id) => exclusions.includes(id));
  if (overlap.length > 0) errors.push(`lists both targeted and excluded: ${overlap.join(', ')}`);
  if ((filterRules ?? []).length > 50) errors.push('at most 50 filter rules');
  else if (hasTwice(filterRules ?? [])) errors.push('a filter rule appears twice');
  (filterRules ?? []).forEach((rule, index) => {
    if (!isObject(rule) || !rule.field || !rule.operator || rule.value === undefined)
      errors.push(`filterRules[${index}] is not a rule: it lacks its field, operator or value`);
  });
  if ((priorityOrder ?? []).length > 5) errors.push('at most 5 priorities');
  else if (hasTwice(priorityOrder ?? [])) errors.push('a priority appears twice');
  return errors;
}

function hasTwice(items: readonly unknown[]): boolean {
  return items.some((item, index) => items.slice(index + 1).some((other) => isDeepStrictEqual(item, other)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
