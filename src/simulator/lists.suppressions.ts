/** The suppressions of the tenant. Up to millions of them are generated from a seed, so that nothing large has to be sent. */
import { z } from 'zod';

/** Not validated further: a tenant may have entries that identify nobody. */
const ENTRY = z.unknown();

export const SUPPRESSION_CHANGE = z.strictObject({
  /** Whether the present ones go first. */
  replace: z.boolean().default(false),
  entries: z.array(ENTRY).default([]),
  /** In addition to `entries`, and instead of those generated before. */
  generated: z
    .strictObject({ count: z.number().int().min(0).max(10_000_000), seed: z.number().int().default(1) })
    .optional(),
});
export type SuppressionChange = z.infer<typeof SUPPRESSION_CHANGE>;

/** A tenant without any is suspicious, so a new simulator has a few. Fictitious numbers. */
const AT_FIRST: readonly unknown[] = [
  ...Array.from({ length: 10 }, (_, n) => ({ phoneNumber: `+1202555010${n}` })),
  { emailAddress: 'do-not-contact@example.com' },
];

export function createSuppressions() {
  let entries: unknown[] = [...AT_FIRST];
  let generated: Readonly<{ count: number; seed: number }> = { count: 0, seed: 1 };
  /** The whole list as JSON; null: to be made. */
  let text: string | null = null;

  const size = (): number => entries.length + generated.count;
  const page = (offset: number, limit: number): unknown[] => {
    const end = Math.min(size(), offset + limit);
    const length = Math.max(0, end - offset);
    return Array.from({ length }, (_, i) => {
      const at = offset + i;
      return at < entries.length ? entries[at] : generatedSuppression(generated.seed, at - entries.length);
    });
  };
  return {
    size,
    page,
    all(): string {
      text ??= JSON.stringify(page(0, size()));
      return text;
    },
    apply({ replace, entries: more, generated: next }: SuppressionChange): void {
      if (replace) [entries, generated] = [[], { count: 0, seed: 1 }];
      for (const entry of more) entries.push(entry);
      generated = next ?? generated;
      text = null;
    },
  };
}
export type Suppressions = ReturnType<typeof createSuppressions>;

const AREAS = [202, 212, 303, 305, 312, 404, 415, 503, 617, 713] as const;
/** 800 exchanges of 10,000 numbers each. */
const PER_AREA = 8_000_000;
/** No prime factor in common with all numbers there are, so that no two entries of a seed are the same. */
const STEP = 7_368_787;

/** The n-th entry of a seed, from 0: nine phone numbers, then an email address, and so on. */
export function generatedSuppression(
  seed: number,
  n: number,
): { phoneNumber: string } | { emailAddress: string } {
  const at = (n * STEP + (Math.abs(seed) % 1_000_000) * 104_729) % (AREAS.length * PER_AREA);
  if (n % 10 === 9) return { emailAddress: `person-${at}@example.com` };
  const rest = 2_000_000 + (at % PER_AREA);
  return { phoneNumber: `+1${AREAS[Math.floor(at / PER_AREA)]}${rest}` };
}
