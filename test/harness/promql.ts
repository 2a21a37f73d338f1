/** Expressions of PromQL, read by Prometheus's own grammar. */
import { parser } from '@prometheus-io/lezer-promql';

/** The metrics that an expression reads. Throws if it is not PromQL. */
export function metricsIn(expression: string): readonly string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({
    enter({ type, node, from, to }) {
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expression}`);
      if (node.name === 'VectorSelector') names.push(expression.slice(from, to).replace(/[{\s].*/s, ''));
    },
  });
  if (names.length === 0) throw new Error(`reads no metric: ${expression}`);
  return names;
}

/** The metrics of an answer in Prometheus's text format, each with its type. */
export function readMetrics(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
}

/** `a_bucket`, `a_sum` and `a_count` belong to the histogram `a`. */
export const familyOf = (name: string, metrics: ReadonlyMap<string, string>): string =>
  [name, name.replace(/_(bucket|sum|count)$/, '')].find((each) => metrics.has(each)) ?? name;
