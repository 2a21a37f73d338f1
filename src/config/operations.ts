/** Which operation needs which family of the CXone API. Generated into the documentation, and used by `cxflow doctor`. */
import type { Family } from '../cxone/families.wire.ts';

export interface OperationNeeds {
  readonly name: string;
  readonly plural: string;
  readonly family: Family;
  /** Of the operation that it extends. */
  readonly base?: Family;
}

/** Operations, and commands that call CXone by themselves. */
export const OPERATIONS: readonly OperationNeeds[] = [
  { name: 'contact import', plural: 'contact imports', family: 'contactlists' },
  {
    name: 'contact import with `--require-consent`',
    plural: 'contact imports with `--require-consent`',
    family: 'preferences',
    base: 'contactlists',
  },
  { name: 'preference update', plural: 'preference updates', family: 'preferences' },
  { name: 'eligibility check', plural: 'eligibility checks', family: 'preferences' },
  { name: 'selection update', plural: 'selection updates', family: 'outbound' },
  { name: 'list load', plural: 'list loads', family: 'lists' },
  { name: 'email send', plural: 'email sends', family: 'email' },
  {
    name: 'email send without `--channel-consent ignore`',
    plural: 'email sends without `--channel-consent ignore`',
    family: 'preferences',
    base: 'email',
  },
];

/** All that the operation calls. */
export function familiesOf({ base, family }: OperationNeeds): readonly Family[] {
  return base === undefined ? [family] : [base, family];
}

/** In the plural. Operations that need the family only because they extend another one are left out. */
export function operationsOf(family: Family): readonly string[] {
  return OPERATIONS.filter((operation) => operation.family === family).map(({ plural }) => plural);
}
