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

/** The text of a page without its code blocks. */
export function readProse(page: string): string {
  return read(page).replaceAll(/^( *)```[^]*?^\1```$/gm, '');
}

/** The comments of a source file. */
export function readComments(file: string): string {
  return parse(file).comments;
}

export function readIdentifiers(file: string): readonly string[] {
  return parse(file).identifiers;
}

/** Texts in quotes, templates included. */
export function readStrings(file: string): readonly string[] {
  return parse(file).strings;
}

interface Texts {
  readonly comments: string;
  readonly identifiers: readonly string[];
  readonly strings: readonly string[];
}

const parsed = new Map<string, Texts>();

function parse(file: string): Texts {
  const known = parsed.get(file);
  if (known) return known;
  const text = read(file);
  const isSource = ['.ts', '.mjs', '.js'].includes(extname(file));
  const texts = isSource
    ? parseSource(file, text)
    : { comments: [...text.matchAll(/^\s*#.*$/gm)].join('\n'), identifiers: [], strings: [] };
  parsed.set(file, texts);
  return texts;
}

const LITERALS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.StringLiteral,
  ts.SyntaxKind.NoSubstitutionTemplateLiteral,
  ts.SyntaxKind.TemplateHead,
  ts.SyntaxKind.TemplateMiddle,
  ts.SyntaxKind.TemplateTail,
]);

function parseSource(file: string, text: string): Texts {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  const identifiers: string[] = [];
  const strings: string[] = [];
  /** The source without its literals, which may contain something that looks like a comment. */
  const rest: string[] = [];
  let end = 0;
  const visit = (node: ts.Node): void => {
    const isText = LITERALS.has(node.kind);
    if (isText || node.kind === ts.SyntaxKind.RegularExpressionLiteral) {
      const start = node.getStart(source);
      rest.push(text.slice(end, start), '""');
      end = node.end;
      if (isText) strings.push(text.slice(start, end));
    } else if (ts.isIdentifier(node)) identifiers.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const comments = `${rest.join('')}${text.slice(end)}`.matchAll(/\/\*[^]*?\*\/|\/\/.*/g);
  return {
    identifiers,
    strings,
    comments: [...comments].join('\n').replaceAll(/^\s*(?:\/\*\*?|\*\/|\*|\/\/)/gm, ''),
  };
}

const contents = new Map<string, string>();

function read(file: string): string {
  const content = contents.get(file) ?? readFileSync(join(ROOT, file), 'utf8');
  contents.set(file, content);
  return content;
}
