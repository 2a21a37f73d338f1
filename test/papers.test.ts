/** The papers point at what is there: files that are moved take their mentions with them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const inDocs = (readdirSync(join(ROOT, 'docs'), { recursive: true }) as string[]).map((file) =>
  join('docs', file),
);
const papers = [...readdirSync(ROOT), ...inDocs].filter((file) => file.endsWith('.md'));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** Links and pictures, without those that leave the repository, and without what is after `#`. */
function targetsOf(paper: string): string[] {
  const links = [...read(paper).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  const inside = links.filter((target) => !/^(https?:|mailto:|#)/.test(target));
  return inside.map((target) => join(ROOT, dirname(paper), target.replace(/#.*$/, '')));
}

describe('the papers', () => {
  it('are found, and have links', () => {
    expect(papers).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']));
    expect(papers.flatMap(targetsOf).length).toBeGreaterThan(50);
  });

  it.each(papers)('%s links only to what exists', (paper) => {
    const missing = targetsOf(paper).filter((target) => !existsSync(target));
    expect(missing.map((target) => relative(ROOT, target))).toEqual([]);
  });

  it('name only scripts that package.json has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = papers.flatMap((paper) =>
      [...read(paper).matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, script]) => script ?? ''),
    );
    expect([...new Set(named)].filter((script) => !(script in scripts))).toEqual([]);
  });

  it('list every decision in the index of decisions', () => {
    const index = read('docs/adr/README.md');
    const decisions = readdirSync(join(ROOT, 'docs/adr')).filter((file) => /^\d{4}-.*\.md$/.test(file));
    expect(decisions.filter((file) => !index.includes(`(${file})`))).toEqual([]);
  });

  it('show pictures that a reader does not wait for', () => {
    const pictures = readdirSync(join(ROOT, 'docs/img'));
    const bytes = pictures.map((file) => readFileSync(join(ROOT, 'docs/img', file)).length);
    expect(Math.max(...bytes)).toBeLessThan(200_000);
  });
});
