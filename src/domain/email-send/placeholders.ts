/** Whether what a message uses is what it declares (docs/email-send.md#merge-fields). Pure. */
import { problem } from '../checks.ts';
import type { JsonProblem } from '../json.ts';
import { findSimilar } from '../similar.ts';
import { type MergeField, mergeFieldsProblems, quoteField, toMergeFields } from './merge-fields.ts';
import { lineProblem } from './subject.ts';
import { bracesProblem, parseTemplate, type Template } from './template.ts';

/** Nothing, as long as the declarations themselves are wrong. */
export function placeholderProblems(value: Readonly<Record<string, unknown>>, path: string): JsonProblem[] {
  const { subject, preview, mergeFields } = value;
  if (mergeFields !== undefined && mergeFieldsProblems(mergeFields, '').length > 0) return [];
  const declared = mergeFields === undefined ? null : toMergeFields(mergeFields);
  return [
    ...(typeof subject === 'string'
      ? subjectProblems(parseTemplate(subject), declared, `${path}.subject`)
      : []),
    // Without declarations nobody knows what the template needs, and a sample shows the place as it is.
    ...(typeof preview === 'string' && declared
      ? undeclaredProblems(parseTemplate(preview), declared, `${path}.preview`)
      : []),
  ];
}

type Declared = readonly MergeField[] | null;

function subjectProblems(subject: Template, declared: Declared, path: string): JsonProblem[] {
  if (bracesProblem(subject) !== null) return [];
  const used = (declared ?? []).filter(({ name }) => fieldsOf(subject).some((field) => field.name === name));
  return [
    ...undeclaredProblems(subject, declared, path),
    ...used.flatMap(({ name, fallback }) => {
      const wrong = lineProblem(fallback ?? '');
      return wrong === null ? [] : problem(path, `uses ${quoteField(name)}, whose fallback ${wrong}`);
    }),
  ];
}

function undeclaredProblems(template: Template, declared: Declared, path: string): JsonProblem[] {
  const names = (declared ?? []).map(({ name }) => name);
  const problems = fieldsOf(template).flatMap(({ name, fallback }): readonly string[] => {
    const field = declared?.find((each) => each.name === name);
    if (field === undefined) return [`uses ${quoteField(name)}, ${describeUndeclared(name, names)}`];
    if (fallback === null || fallback === field.fallback) return [];
    return [`has another fallback for ${quoteField(name)} than mergeFields; write it only there`];
  });
  return [...new Set(problems)].flatMap((message) => problem(path, message));
}

function describeUndeclared(name: string, names: readonly string[]): string {
  const similar = findSimilar(name, names);
  if (similar !== undefined)
    return `which is not in mergeFields, perhaps it should be ${quoteField(similar)}`;
  return 'which is not in mergeFields; add its name there, e.g. "firstName", or with a fallback "firstName|there"';
}

function fieldsOf(template: Template): readonly MergeField[] {
  return template.filter((part) => typeof part !== 'string');
}
