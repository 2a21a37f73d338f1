/** Events as tests write them: only what matters, in the short names of webhooks. */
import type { EmailEvent } from '../../../src/domain/email-send/events.ts';

export interface EventLine {
  readonly type: string;
  readonly id?: string;
  readonly messageId?: string;
  readonly at?: string;
  readonly status?: string | null;
  readonly diagnostic?: string;
  readonly label?: string;
  readonly link?: string | number;
  readonly method?: string;
  readonly machine?: boolean;
}

export function toEvent(line: EventLine): EmailEvent {
  return {
    eventType: line.type,
    eventId: line.id ?? null,
    messageId: line.messageId ?? 'm-1',
    recipientId: null,
    emailAddress: null,
    timestamp: line.at ?? null,
    bounceCode: line.status ?? null,
    bounceDescription: line.diagnostic ?? null,
    bounceType: line.label ?? null,
    linkUrl: line.link === undefined ? null : `https://example.com/${line.link}`,
    method: line.method ?? null,
    machine: line.machine ?? null,
  };
}

/** `on('10:00:02')`: a moment of the day of all these tests. */
export const on = (time: string): string => `2026-11-28T${time}Z`;
