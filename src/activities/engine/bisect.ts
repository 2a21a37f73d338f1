/** Two halves, the first not smaller: to isolate a record that a refusal does not name. */
export function bisect<T>(items: readonly T[]): readonly [readonly T[], readonly T[]] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}
