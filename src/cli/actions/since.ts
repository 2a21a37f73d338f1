/** The option `--since` of commands that look back. */
import { parseDuration } from '../../domain/durations.ts';
import { toUtcTimestamp } from '../../domain/timestamps.ts';
import { UsageError } from '../errors.ts';

/** A date, or how long ago. Throws UsageError. */
export function parseSince(text: string, now: Date): Date {
  const timestamp = toUtcTimestamp(text);
  const durationMs = parseDuration(text);
  if (timestamp === null && typeof durationMs === 'string')
    throw new UsageError(
      '--since must be a date such as 2026-11-01 or 2026-11-01T08:00:00Z, or a duration of at most 3650 days, ' +
        'such as 30d or "2 weeks"',
    );
  const since = timestamp === null ? new Date(now.getTime() - Number(durationMs)) : new Date(timestamp);
  if (since > now) throw new UsageError('--since must not be in the future');
  return since;
}
