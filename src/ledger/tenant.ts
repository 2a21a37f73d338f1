/**
 * The port to the CXone tenant to which the ledger belongs. It has a name that people chose (CXONE_TENANT), so it stays the
 * same when addresses and OAuth clients change. Budget, history and suppressions of two tenants must not mix.
 */
export interface LedgerTenant {
  /** null: no worker has used the ledger yet, or it is not prepared. Reads only. */
  find(): Promise<string | null>;

  /**
   * Binds the ledger to a tenant, unless it is bound already. Every worker calls this before anything else. It adopts what
   * older versions stored, or still store, under a key made of address and OAuth client. A repetition changes nothing. Errors:
   * OtherTenant.
   */
  register(name: string): Promise<void>;
}

/**
 * For whoever only reads the ledger or starts runs. `ours`: null if the settings name no tenant. Nothing is refused while the
 * ledger belongs to nobody, or is not prepared. Errors: OtherTenant; any error of the database, because then nobody knows whose
 * ledger it is.
 */
export async function refuseOtherTenant(tenant: LedgerTenant, ours: string | null): Promise<void> {
  if (ours === null) return;
  const owner = await tenant.find();
  if (owner !== null && owner !== ours) throw new OtherTenant(owner, ours);
}

/** This process works for another tenant than the ledger. */
export class OtherTenant extends Error {
  override readonly name = 'OtherTenant';
  readonly next: string;
  constructor(ledgers: string, ours: string) {
    super(`this ledger belongs to the tenant ${ledgers}, but the settings are those of the tenant ${ours}`);
    this.next =
      `use a database of its own for ${ours} (DATABASE_URL); ` +
      `if it is the same tenant under another name, set CXONE_TENANT=${ledgers}`;
  }
}
