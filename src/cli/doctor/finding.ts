/** What the doctor finds, one line each. Pure. */
import { plural } from '../../domain/numbers.ts';
import type { Colors } from '../terminal/output.ts';

export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  /** What was examined. */
  readonly name: string;
  readonly what: string;
  /** What to do; absent if there is nothing to do. */
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
  const color = { ok: colors.green, warning: colors.yellow, problem: colors.red }[level];
  const line = `${color(level.padEnd(7))}  ${name.padEnd(18)}  ${what}`;
  return next === undefined ? line : `${line}\n${' '.repeat(29)}→ ${next}`;
}

export function summarize(findings: readonly Finding[]): { readonly ok: boolean; readonly summary: string } {
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  const summary =
    problems + warnings === 0
      ? 'no problems found'
      : `${plural(problems, 'problem')}, ${plural(warnings, 'warning')}`;
  return { ok: problems === 0, summary };
}
