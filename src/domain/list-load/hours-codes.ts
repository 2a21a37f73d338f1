/** Why somebody may not be called now, as the code of a reason. The ledger keeps it, so it never changes. */
import type { ReasonCode } from '../reasons.ts';

export const OUTSIDE_CALLING_HOURS = 'outside_calling_hours' satisfies ReasonCode;
