/** Texts that could damage a ledger, a terminal or an id, and the places of an input where they can occur. */

/** Each breaks something if it is accepted: PostgreSQL, an id that looks like another one, a terminal, a message. */
export const POISONS = {
  nul: 'a\0b',
  highSurrogate: 'a\ud800b',
  lowSurrogate: 'a\udc00b',
  megabyte: 'x'.repeat(1_000_000),
  c1Control: 'a\u0085b',
  override: 'a\u202eb',
  mark: 'a\u200eb',
} as const;
export type Poison = keyof typeof POISONS;
export const POISON_NAMES = Object.keys(POISONS) as readonly Poison[];

export interface Place {
  /** E.g. `source.map.phone`, or `source.map key phone`. */
  readonly path: string;
  /** Returns the value with this text at this place. */
  readonly put: (text: string) => unknown;
}

/** Every text in a value, and every key that a caller chooses: see `chosenKeys`. */
export function listPlaces(value: unknown, path: string, chosenKeys: RegExp): Place[] {
  if (typeof value === 'string') return [{ path, put: (text) => text }];
  if (Array.isArray(value))
    return value.flatMap((each: unknown, i) =>
      listPlaces(each, `${path}[${i}]`, chosenKeys).map(({ path: at, put }) => ({
        path: at,
        put: (text: string) => (value as unknown[]).with(i, put(text)),
      })),
    );
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => {
    const { [key]: _, ...others } = value as Record<string, unknown>;
    const inner = listPlaces(each, `${path}.${key}`, chosenKeys).map(({ path: at, put }) => ({
      path: at,
      put: (text: string) => ({ ...value, [key]: put(text) }),
    }));
    const keys = chosenKeys.test(path)
      ? [{ path: `${path} key`, put: (text: string) => ({ ...others, [text]: each as unknown }) }]
      : [];
    return [...keys, ...inner];
  });
}
