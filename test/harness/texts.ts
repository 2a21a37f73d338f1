/** The texts of the repository, for tests about its language and its citations. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import ts from 'typescript';

export const ROOT = join(import.meta.dirname, '../..');

/** Paths of all files that git tracks or would track. */
export function listRepositoryFiles(): readonly string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const deleted = new Set(gitLines(['ls-files', '--deleted']));
  return gitLines(args).filter((file) => !deleted.has(file));
}

function gitLines(args: readonly string[]): string[] {
  const output = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 16_000_000 });
  return output.split('\n').filter((line) => line !== '');
}

/** A page without its code blocks. */
export function readProse(page: string): string {
  return read(page).replaceAll(/^( *)```[^]*?^\1```$/gm, '');
}

/** The comments of a source file, without everything else. */
export function readComments(file: string): string {
  if (!['.ts', '.mjs', '.js'].includes(extname(file)))
    return [...read(file).matchAll(/^\s*#.*$/gm)].join('\n');
  return scan(file)
    .filter(
      ({ kind }) =>
        kind === ts.SyntaxKind.SingleLineCommentTrivia || kind === ts.SyntaxKind.MultiLineCommentTrivia,
    )
    .map(({ text }) => text.replaceAll(/^\s*(?:\/\*\*?|\*\/|\*|\/\/)/gm, ''))
    .join('\n');
}

export function readIdentifiers(file: string): readonly string[] {
  return scan(file)
    .filter(({ kind }) => kind === ts.SyntaxKind.Identifier)
    .map(({ text }) => text);
}

/** Texts in quotes, templates included. */
export function readStrings(file: string): readonly string[] {
  const kinds = [
    ts.SyntaxKind.StringLiteral,
    ts.SyntaxKind.NoSubstitutionTemplateLiteral,
    ts.SyntaxKind.TemplateHead,
    ts.SyntaxKind.TemplateMiddle,
    ts.SyntaxKind.TemplateTail,
  ];
  return scan(file)
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ text }) => text);
}

interface Token {
  readonly kind: ts.SyntaxKind;
  readonly text: string;
}

const scanned = new Map<string, readonly Token[]>();

/** Parsed, because a scanner alone takes the end of a template for other tokens. */
function scan(file: string): readonly Token[] {
  const known = scanned.get(file);
  if (known) return known;
  const text = read(file);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const tokens: Token[] = [];
  const comments = new Map<number, Token>();
  const visit = (node: ts.Node): void => {
    for (const { pos, end, kind } of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [])
      comments.set(pos, { kind, text: text.slice(pos, end) });
    for (const { pos, end, kind } of ts.getTrailingCommentRanges(text, node.getEnd()) ?? [])
      comments.set(pos, { kind, text: text.slice(pos, end) });
    if (node.getChildCount(source) === 0) tokens.push({ kind: node.kind, text: node.getText(source) });
    else node.getChildren(source).forEach(visit);
  };
  visit(source);
  const all = [...tokens, ...[...comments].sort(([a], [b]) => a - b).map(([, comment]) => comment)];
  scanned.set(file, all);
  return all;
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
