/** The tables of what is known of data subjects: keys, proof of consent, erasures, checks of eligibility. */
import type { Generated } from 'kysely';
import type { Json } from './columns.ts';

export interface ConsentTables {
  subject_secret: SubjectSecretTable;
  consent_keys: ConsentKeysTable;
  consent_proof: ConsentProofTable;
  erasures: ErasuresTable;
  eligibility_results: EligibilityResultsTable;
}

/** One row: the key of the keyed hashes of data subjects. */
export interface SubjectSecretTable {
  secret: string;
  /** Identifies the pepper that the hashes are made with; null until the first worker starts. */
  pepper_fingerprint: string | null;
}

/** The key to the proof of consent of a data subject. An erasure deletes the row. */
export interface ConsentKeysTable {
  /** Keyed hash of the contact id. */
  subject: string;
  key_id: Generated<string>;
  key: Uint8Array;
}

/** Append-only, enforced by a trigger. */
export interface ConsentProofTable {
  id: Generated<string>;
  at: Generated<Date>;
  key_id: string;
  run_id: string;
  seq: number;
  write_id: string;
  request_id: string | null;
  http_status: number | null;
  /** What was sent and its outcome, encrypted with the key of the data subject. */
  sealed: Uint8Array;
}

export interface ErasuresTable {
  erasure_id: string;
  result: Json<unknown>;
}

export interface EligibilityResultsTable {
  check_id: string;
  seq: number;
  eligible: boolean;
  reason: string;
  checked_at: Generated<Date>;
}
