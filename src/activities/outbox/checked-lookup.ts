/**
 * Resolves the host of a subscriber and refuses what it must not resolve to. The connection uses the very addresses that were
 * checked, so a name server that answers differently the next time changes nothing.
 */
import type { LookupAddress, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { addressProblem, type SubscriberRules } from '../../domain/subscriber-address.ts';

/** Like `lookup` of node:dns. */
export type Lookup = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** The message says which address, and which setting would permit it. */
export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';
}

/** One address that must not be used refuses them all. */
export function checkedLookup(rules: SubscriberRules, lookup: Lookup): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const problem = addresses.map(({ address }) => addressProblem(address, rules)).find(Boolean);
      if (problem) return callback(new AddressRefused(`${hostname} resolves to ${problem}`), []);
      const [first] = addresses;
      if (options.all || !first) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
}
