/** Recipients of a run, as its records have them. Personal data. */

export interface RecipientOfRecord {
  readonly toAddress: string;
  /** The identity of the address. */
  readonly mailbox: string;
  readonly contactId: string | null;
}
