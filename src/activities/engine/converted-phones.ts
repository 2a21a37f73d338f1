/** What a plan says about phone numbers that were not written in E.164. */
import { plural } from '../../domain/numbers.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';

/** One sentence, or none. @param country by which the run reads numbers without a country code; undefined: it reads none */
export async function describeConverted(
  ledger: Pick<Ledger, 'records'>,
  run: Run,
  country: string | undefined,
): Promise<readonly string[]> {
  if (country === undefined) return [];
  const n = await ledger.records.countConvertedPhones(run.run_no);
  if (n === 0) return [];
  const records = plural(n, 'record has a phone number that was', 'records have phone numbers that were');
  return [
    `${records} converted to E.164, numbers without a country code as those of ${country.toUpperCase()}`,
  ];
}
