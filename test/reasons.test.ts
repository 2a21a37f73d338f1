/** Each reason code has one sentence (src/domain/reasons.ts), and the table has no code that nothing uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { RULE_REASONS } from '../src/domain/consent/eligibility.ts';
import { REASONS } from '../src/domain/reasons.ts';
import { listRepositoryFiles, ROOT } from './harness/texts.ts';

const TABLE = 'src/domain/reasons.ts';
const FILES = listRepositoryFiles().filter(
  (file) => /^src\/(?:domain|activities|sources|ledger)\/.*\.ts$/.test(file) && file !== TABLE,
);
/** Of problems of a header, which are no reasons of records (src/domain/columns.ts). */
const OF_COLUMNS = ['ambiguous_column', 'column_mapped_twice', 'unknown_column', 'unknown_field'];
/** Of cells.ts, where TypeScript checks that the table has what they make. */
const COMPOSED = /^(?:contact_id|idempotency_key|channel|regulatory_region)_(?:missing|unknown|not_a_guid)$/;

const textOf = new Map(FILES.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));

/** The texts in `code: 'text'`, in TypeScript and in the JSON of SQL. */
function findCodes(text: string): readonly string[] {
  const codes = [...text.matchAll(/"code": "(\w+)"/g)].map(([, code = '']) => code);
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && node.name.getText(source) === 'code') addTexts(node.initializer);
    ts.forEachChild(node, visit);
  };
  /** Also of both branches of a condition. */
  const addTexts = (node: ts.Expression): void => {
    if (ts.isStringLiteral(node)) codes.push(node.text);
    if (!ts.isConditionalExpression(node)) return;
    addTexts(node.whenTrue);
    addTexts(node.whenFalse);
  };
  const source = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true);
  visit(source);
  return codes;
}

describe('reasons', () => {
  it('that the code gives are all in the table', () => {
    const codes = [...textOf.values()].flatMap(findCodes);
    expect(codes.length).toBeGreaterThan(80);
    const known = new Set<string>([...Object.keys(REASONS), ...OF_COLUMNS]);
    expect([...new Set([...codes, ...RULE_REASONS])].filter((code) => !known.has(code))).toEqual([]);
  });

  it('of the table are all given somewhere', () => {
    const all = [...textOf.values()].join('\n');
    const isUsed = (code: string) => COMPOSED.test(code) || new RegExp(`['"]${code}['"]`).test(all);
    expect(Object.keys(REASONS).filter((code) => !isUsed(code))).toEqual([]);
  });

  it('have one sentence each, which is no other one, and needs no quotes in a CSV file', () => {
    const sentences = Object.values<string>(REASONS);
    expect(new Set(sentences).size).toBe(sentences.length);
    expect(sentences.filter((sentence) => !/^[A-Z][^,;:"()]*[^.\s]$/.test(sentence))).toEqual([]);
  });

  it('are found by this test', () => {
    expect(findCodes("const a = { code: n > 1 ? 'x_y' : 'y_z', field: 'b' }; f({ code: 'c_d' });")).toEqual([
      ...['x_y', 'y_z'],
      'c_d',
    ]);
  });
});
