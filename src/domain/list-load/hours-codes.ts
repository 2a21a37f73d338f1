/** Why somebody may not be called now, as the code of a reason. The ledger keeps them, so they never change. */
export const OUTSIDE_CALLING_HOURS = 'outside_calling_hours';
export const TIME_ZONE_UNKNOWN = 'time_zone_unknown';
