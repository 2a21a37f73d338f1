/** What the parts of a client work with. */
import type { Client } from '@temporalio/client';
import type { OperationSpecs } from '../contract/spec.ts';
import type { Ledger } from '../ledger/ledger.ts';

export interface ClientDeps<Specs extends OperationSpecs = OperationSpecs> {
  readonly temporal: Client;
  readonly ledger: Ledger;
  readonly operations: Specs;
}
