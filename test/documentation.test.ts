/** Links, anchors, citations in comments, commands and indexes of the documentation refer to something that exists. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../src/contract/operations.ts';
import { listRepositoryFiles, ROOT, readComments, readProse, readStrings } from './harness/texts.ts';

const files = listRepositoryFiles();
const pages = files.filter((file) => file.endsWith('.md'));
const code = files.filter((file) => /\.(ts|mjs|js|yml)$|^Dockerfile$/.test(file));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

interface Target {
  readonly file: string;
  readonly anchor: string | null;
}

/** Links and images that stay in the repository. */
function linksIn(page: string): Target[] {
  const links = [...readProse(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links
    .filter((target) => !/^(https?:|mailto:)/.test(target))
    .map((target) => {
      const [path = '', anchor = null] = target.split('#');
      return { file: path === '' ? page : join(dirname(page), path), anchor };
    });
}

/** As GitHub makes them from headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...readProse(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
  const slugs = headings.map((heading) =>
    heading
      .replaceAll(/\]\([^)]*\)|[`[\]]/g, '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(slugs.map((slug, i) => withNumber(slug, slugs.slice(0, i))));
}

function withNumber(slug: string, before: readonly string[]): string {
  const count = before.filter((other) => other === slug).length;
  return count === 0 ? slug : `${slug}-${count}`;
}

/** Why a target does not resolve, or null. */
function problemWith({ file, anchor }: Target): string | null {
  if (!existsSync(join(ROOT, file))) return `${file} does not exist`;
  if (anchor === null || !file.endsWith('.md')) return null;
  return anchorsOf(file).has(anchor) ? null : `${file} has no heading #${anchor}`;
}

const problemsWith = (targets: readonly Target[]): string[] =>
  [...new Set(targets.map(problemWith))].filter((problem) => problem !== null);

/** `src/…`, `docs/….md#anchor`, a file name such as `places.ts`, `ADR 0012`. Not: URLs, globs, placeholders. */
const CITATION =
  /(?<![\w/.<:$-])(?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:md|ts|mjs|json|sha256|yml)(?:#[\w-]+)?(?![\w*<]|\/)|(?<![\w/.<:$-])(?:docs|src|test|bench|examples|scripts)\/[\w/-]+(?![\w*<.…-])|\bADR \d{4}\b/g;
/** Files that a reader creates, or that another repository has. */
const NOT_OURS =
  /^(?:[\w-]*(?:package(?:-lock)?|tsconfig|stack|servers|result|c1|change|file|pom)\.json|vitest\.config\.ts|dist\/.*|.*\/NNNN-.*)$/i;

function citationsIn(text: string): string[] {
  return [...text.matchAll(CITATION)]
    .map(([citation]) => citation)
    .filter((citation) => !NOT_OURS.test(citation));
}

/** From the root, beside the file that cites, or any file whose path ends like that. */
function resolveCitation(citation: string, from: string): Target | null {
  const [path = '', anchor = null] = citation.split('#');
  const decision = /^ADR (\d{4})$/.exec(citation)?.[1];
  if (decision !== undefined) return find((file) => file.startsWith(`docs/adr/${decision}-`), null);
  const folder = path.replace(/\/$/, '');
  if (existsSync(join(ROOT, folder))) return { file: folder, anchor };
  if (existsSync(join(ROOT, dirname(from), folder))) return { file: join(dirname(from), folder), anchor };
  return find((file) => file.endsWith(`/${folder}`) || file.replace(/\.\w+$/, '') === folder, anchor);
}

function find(matches: (file: string) => boolean, anchor: string | null): Target | null {
  const file = files.find(matches);
  return file === undefined ? null : { file, anchor };
}

function unresolvedIn(text: string, from: string): string[] {
  return citationsIn(text).flatMap((citation) => {
    const target = resolveCitation(citation, from);
    const problem = target === null ? `${citation} does not exist` : problemWith(target);
    return problem === null ? [] : [`${from}: ${problem}`];
  });
}

describe('the documentation', () => {
  it('is found, and has links', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']));
    expect(pages.flatMap(linksIn).length).toBeGreaterThan(200);
  });

  it.each(pages)('%s links only to what exists, headings included', (page) => {
    expect(problemsWith(linksIn(page))).toEqual([]);
  });

  it.each(pages)('%s names only files that exist', (page) => {
    expect(unresolvedIn(readProse(page), page)).toEqual([]);
  });

  it('names only npm scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...pages, ...code].flatMap((file) =>
      [...read(file).matchAll(/npm run (?:--silent |-s )?([\w:-]+)/g)].map(([, script = '']) => script),
    );
    expect([...new Set(named)].filter((script) => !(script in scripts))).toEqual([]);
  });

  it('lists every page in its index, and every decision in that of decisions', () => {
    const linked = (page: string) => linksIn(page).map(({ file }) => file);
    const inFolder = (folder: string) => pages.filter((page) => dirname(page) === folder);
    const missing = (folder: string) =>
      inFolder(folder).filter(
        (page) => basename(page) !== 'README.md' && !linked(join(folder, 'README.md')).includes(page),
      );
    expect([...missing('docs'), ...missing('docs/adr')]).toEqual([]);
  });

  it.each(pages.filter((page) => /^docs\/adr\/\d/.test(page)))(
    '%s has the headings of a decision',
    (page) => {
      const headings = [...read(page).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
      expect(headings).toEqual(['Context', 'Decision', 'Consequences']);
    },
  );

  it('quotes messages that the code has', () => {
    const messages = code
      .filter((file) => file.startsWith('src/') && file.endsWith('.ts'))
      .flatMap(readStrings)
      .join('\n');
    const symptoms = [...read('docs/troubleshooting.md').matchAll(/^\| ([^|]+) \|/gm)].map(
      ([, cell = '']) => cell,
    );
    const quoted = symptoms.flatMap((cell) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, quote = '']) => quote).filter((quote) => quote.includes(' ')),
    );
    const pieces = quoted.flatMap((quote) => quote.split('…').map((piece) => piece.trim()));
    expect(quoted.length).toBeGreaterThan(10);
    expect(pieces.filter((piece) => !messages.includes(piece))).toEqual([]);
  });

  it('says of every type of failure what to do', () => {
    const types = [...read('src/contract/failures.ts').matchAll(/^ {2}\| '(\w+)'/gm)].map(([, type]) => type);
    const [, page = ''] = read('docs/troubleshooting.md').split('## A run failed');
    const [table = ''] = page.split('\n## ');
    const described = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, type]) => type);
    expect(described.toSorted()).toEqual(types.toSorted());
    expect(types.length).toBeGreaterThan(10);
  });

  it.each(Object.values(OPERATIONS))('has a page about $kind, whose input is accepted', (spec) => {
    const page = read(`docs/${spec.stem}.md`);
    const example = page.slice(page.indexOf('## Input for other clients'));
    const [, json = ''] = /```json\n([^]*?)```/.exec(example) ?? [];
    expect(spec.check(JSON.parse(json))).toEqual({ input: JSON.parse(json) as unknown });
    expect(page).toContain(`\`${spec.kind}\``);
  });

  it('shows images that load quickly', () => {
    const images = readdirSync(join(ROOT, 'docs/img'));
    const bytes = images.map((file) => statSync(join(ROOT, 'docs/img', file)).size);
    expect(Math.max(...bytes)).toBeLessThan(200_000);
  });

  it('has a README that is read in five minutes', () => {
    expect(read('README.md').split(/\s+/).length).toBeLessThan(1_000);
  });
});

describe('comments in the code', () => {
  it('are found, and cite', () => {
    expect(code.flatMap((file) => citationsIn(readComments(file))).length).toBeGreaterThan(100);
  });

  it('cite only files, headings and decisions that exist', () => {
    expect(code.flatMap((file) => unresolvedIn(readComments(file), file))).toEqual([]);
  });

  it('name tutorials by their titles, and faults in words', () => {
    const labels = code.flatMap((file) =>
      [
        ...`${readComments(file)}\n${titlesIn(file)}`.matchAll(
          /(?<![\w.])(?:S[0-4]|R\d{1,2}|M\d{1,2})(?![\w.])/g,
        ),
      ].map(([label]) => `${file}: ${label}`),
    );
    expect(labels).toEqual([]);
  });
});

/** Of tests and groups of tests. */
function titlesIn(file: string): string {
  if (!file.endsWith('.test.ts')) return '';
  return [...read(file).matchAll(/^\s*(?:it|test|describe)\b[^\n]*/gm)].join('\n');
}

describe('this test', () => {
  it('resolves what exists, and reports what does not', () => {
    const here = relative(ROOT, import.meta.filename);
    expect(unresolvedIn('see docs/glossary.md#records, ADR 0012, src/ledger and texts.ts', here)).toEqual([]);
    expect(unresolvedIn('docs/glossary.md#nowhere', here)).toEqual([
      `${here}: docs/glossary.md has no heading #nowhere`,
    ]);
    expect(unresolvedIn('decisions.md 9', here)).toEqual([`${here}: decisions.md does not exist`]);
    expect(unresolvedIn('src/nowhere', here)).toEqual([`${here}: src/nowhere does not exist`]);
    expect(unresolvedIn('ADR 9999', here)).toEqual([`${here}: ADR 9999 does not exist`]);
  });
});
