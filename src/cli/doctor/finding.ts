/** What the doctor finds: a line each. Pure. */
import type { Colors } from '../cli.ts';
import { plural } from '../terminal/format.ts';

export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  /** What was looked at. */
  readonly name: string;
  readonly what: string;
  /** What to do; only where there is something to do. */
  readonly next?: string;
}

export const ok = (name: string, what: string): Finding => ({ level: 'ok', name, what });
export const warning = (name: string, what: string, next: string): Finding => ({
  level: 'warning',
  name,
  what,
  next,
});
export const problem = (name: string, what: string, next: string): Finding => ({
  level: 'problem',
  name,
  what,
  next,
});

export function renderFinding({ level, name, what, next }: Finding, colors: Colors): string {
  const paint = { ok: colors.green, warning: colors.yellow, problem: colors.red }[level];
  const line = `${paint(level.padEnd(7))}  ${name.padEnd(18)}  ${what}`;
  return next === undefined ? line : `${line}\n${' '.repeat(29)}→ ${next}`;
}

export function summarize(findings: readonly Finding[]): { readonly ok: boolean; readonly words: string } {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  const words =
    problems + warnings === 0 ? 'all well' : `${plural(problems, 'problem')}, ${plural(warnings, 'warning')}`;
  return { ok: problems === 0, words };
}
