/** Commands, files and outputs as the documentation prints them, for tests that use them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './texts.ts';

/** The code blocks of a page in one language, in order; `heading`: only those below it. */
export function printedBlocks(page: string, language: string, heading?: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const from = heading === undefined ? 0 : text.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`${page} has no heading ${heading}`);
  const blocks = [...text.slice(from).matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  return blocks.filter(([, name]) => name === language).map(([, , block = '']) => block);
}

/** The commands of a shell block, without their comments. */
export function commandsIn(block: string): readonly string[] {
  const lines = block.replaceAll(/\\\n\s*/g, '').split('\n');
  return lines.map((line) => line.replace(/(^|\s+)#.*$/, '')).filter((line) => line !== '');
}

/** A pattern for an output: `…` on a line of its own stands for other lines, and durations differ. */
export function patternOf(output: string): RegExp {
  const escaped = output.trimEnd().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(escaped.replaceAll(/^…$/gm, '[^]*').replaceAll(/\d+ ms\b/g, '[\\d.,]+ m?s'));
}
