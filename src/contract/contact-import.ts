/** Contact import: rows of a source become contacts of a CXone contact list. */
import type { Channel, ConsentPolicy } from '../domain/consent/eligibility.ts';
import { CHANNELS, CONSENT_POLICIES } from '../domain/consent/eligibility.ts';
import { contactMapProblems, resolveContactColumns } from '../domain/contact-import/contacts.ts';
import {
  type Checked,
  type ChecksOf,
  COMMON_FIELDS,
  checkFields,
  identifier,
  oneOf,
  phoneCountry,
  source,
} from './input.ts';
import type { BulkResult, CommonInput, Source } from './run.ts';
import type { OperationSpec } from './spec.ts';

export type Existing = 'skip' | 'update';
export type Dedupe = 'either' | 'contactId' | 'phone' | 'both';

export interface ContactImportInput extends CommonInput {
  readonly listId: string;
  readonly source: Source;
  /** Contacts that the list already has: leave them alone, or update them. Default `skip`. */
  readonly existing?: Existing;
  /** What makes two rows of the source the same contact. Default `either`. */
  readonly dedupe?: Dedupe;
  /** Country of phone numbers without a country code: two letters (ISO 3166), e.g. `US`. Default: only E.164 is read. */
  readonly country?: string;
  /** Import only contacts whose preferences permit this channel; the others become `ineligible`. Default: not checked. */
  readonly requireConsent?: Channel;
  /** With `requireConsent`: which rules apply. Default `default`. */
  readonly policy?: ConsentPolicy;
}

export interface ContactImportResult extends BulkResult {
  readonly kind: 'contactImport';
}

const FIELDS = {
  listId: identifier,
  source,
  existing: oneOf('skip', 'update'),
  dedupe: oneOf('either', 'contactId', 'phone', 'both'),
  country: phoneCountry,
  requireConsent: oneOf(...CHANNELS),
  policy: oneOf(...CONSENT_POLICIES),
  ...COMMON_FIELDS,
} satisfies ChecksOf<ContactImportInput>;

export const contactImport: OperationSpec<'contactImport', ContactImportInput> = {
  kind: 'contactImport',
  stem: 'contact-import',
  identity: 'once',
  check: checkInput,
  target: ({ listId }) => listId,
  title: ({ listId }) => `Contact import to list ${listId}`,
  fingerprint: contactImportOptions,
  columnProblems(columns, map) {
    if (!columns) return contactMapProblems(map);
    const resolved = resolveContactColumns(columns, map);
    return 'problems' in resolved ? resolved.problems : [];
  },
};

function checkInput(value: unknown): Checked<ContactImportInput> {
  const { policy, requireConsent } = (value ?? {}) as Partial<ContactImportInput>;
  // Without a channel there is no consent check, so a policy would have no effect.
  const hasNoEffect = policy !== undefined && requireConsent === undefined;
  const problem = 'policy needs requireConsent: without a channel, consent is not checked';
  return checkFields(value, FIELDS, ['listId', 'source'], hasNoEffect ? [problem] : []);
}

/** The options, with defaults filled in. */
export function contactImportOptions(input: ContactImportInput) {
  return {
    existing: input.existing ?? 'skip',
    dedupe: input.dedupe ?? 'either',
    map: ('map' in input.source && input.source.map) || {},
    ...(input.country !== undefined && { country: input.country.toUpperCase() }),
    ...(input.requireConsent && {
      requireConsent: input.requireConsent,
      policy: input.policy ?? ('default' as const),
    }),
  };
}
