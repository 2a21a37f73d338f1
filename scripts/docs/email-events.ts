/** The tables of docs/email-send-events.md. */
import { LABEL_RULES, SMTP_RULES, STATUS_RULES } from '../../src/domain/email-send/bounces.ts';
import { CANARY_MEASURES } from '../../src/domain/email-send/canary.ts';
import { EVENT_TYPES } from '../../src/domain/email-send/events.ts';
import { DELIVERY_RATES } from '../../src/domain/email-send/figures.ts';
import { code, table } from './markdown.ts';

/** In the order of their places in the page. */
export const EMAIL_EVENT_TABLES: readonly (() => string)[] = [
  () =>
    table(
      ['kind', 'event types'],
      Object.entries(EVENT_TYPES).map(([kind, types]) => [
        kind.replace('_', '-'),
        types.map(code).join(', '),
      ]),
    ),
  () =>
    table(
      ['status', 'class', 'meaning', 'source'],
      STATUS_RULES.map((each) => [code(each.status), each.class, each.meaning, each.source]),
    ),
  () =>
    table(
      ['SMTP code', 'class', 'meaning', 'source'],
      SMTP_RULES.map((each) => [
        code(each.code),
        each.ifAddressIsUnknown
          ? `${each.class} if the text says that the address does not exist, otherwise unknown`
          : each.class,
        each.meaning,
        each.source,
      ]),
    ),
  () =>
    table(
      ['label', 'class'],
      LABEL_RULES.map((each) => [each.labels.map(code).join(', '), each.class.replace('_', '-')]),
    ),
  () =>
    table(
      ['rate', 'part', 'of'],
      Object.entries(DELIVERY_RATES).map(([rate, { part, whole }]) => [code(rate), part, whole]),
    ),
  () =>
    table(
      ['rate', 'of', 'acceptable', 'unacceptable', 'alpha', 'beta'],
      CANARY_MEASURES.map((each) => [
        each.name,
        CANARY_WHOLE[each.name],
        ...[each.acceptable, each.unacceptable, each.alpha, each.beta].map(percent),
      ]),
    ),
];

const CANARY_WHOLE = {
  bounce: 'delivered + bounced',
  complaint: 'delivered',
  failure: 'delivered + bounced + failed',
} as const;

const percent = (share: number): string => `${Number((share * 100).toFixed(6))} %`;
