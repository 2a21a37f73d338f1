/** The addresses that the tenant has suppressed for email, each with its reason and date. */
import { z } from 'zod';
import { foldAddress } from '../cxone/email.wire.ts';

const OPTIONAL = z.string().nullable().default(null);

export const EMAIL_SUPPRESSION_CHANGE = z.strictObject({
  /** Whether the present ones go first. */
  replace: z.boolean().default(false),
  entries: z.array(z.strictObject({ email: z.string(), reason: OPTIONAL, addedDate: OPTIONAL })).default([]),
  /** Addresses. */
  remove: z.array(z.string()).default([]),
});
export type EmailSuppressionChange = z.infer<typeof EMAIL_SUPPRESSION_CHANGE>;
export type SuppressedAddress = EmailSuppressionChange['entries'][number];

/** A tenant without any is suspicious. */
const AT_FIRST: SuppressedAddress = {
  email: 'do-not-contact@example.com',
  reason: 'unsubscribed',
  addedDate: '2026-01-01T00:00:00Z',
};

export function createEmailSuppressions() {
  const byAddress = new Map([[foldAddress(AT_FIRST.email), AT_FIRST]]);
  return {
    find: (email: string): SuppressedAddress | null => byAddress.get(foldAddress(email)) ?? null,
    all: (): SuppressedAddress[] => [...byAddress.values()],
    apply({ replace, entries, remove }: EmailSuppressionChange): void {
      if (replace) byAddress.clear();
      for (const entry of entries) byAddress.set(foldAddress(entry.email), entry);
      for (const email of remove) byAddress.delete(foldAddress(email));
    },
  };
}
