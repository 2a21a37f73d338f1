/** The words of a decision, as people, spreadsheets and carriers write them (docs/preference-update.md#yes-and-no). Pure. */

/** What a yes may be written as. Case does not matter, anything else does: a consent has to be clear. */
export const YES_WORDS: readonly string[] = [
  ...['true', 'yes', 'y', '1', 't', 'on'],
  // TRUE as spreadsheets of other languages write it, and their plain words for yes.
  ...['wahr', 'ja', 'vrai', 'oui', 'verdadero', 'sí', 'si', 'vero', 'sì', 'verdadeiro', 'sim', 'waar'],
  ...['sant', 'sand', 'sann', 'tosi', 'prawda', 'pravda', 'igaz', 'igen', 'doğru', 'evet', 'истина', 'да'],
];

/**
 * What a no may be written as. Case, accents, spaces and punctuation do not matter, and there are more words than for yes,
 * because no objection may be missed.
 */
export const NO_WORDS: Readonly<Record<'flags' | 'spreadsheets' | 'stop' | 'records', readonly string[]>> = {
  flags: ['false', 'no', 'nope', 'n', '0', 'f', 'off', 'out'],
  /** FALSE as spreadsheets of other languages write it, and their plain words for no. */
  spreadsheets: [
    ...['falsch', 'nein', 'faux', 'non', 'falso', 'não', 'nao', 'onwaar', 'nee', 'falskt', 'falsk', 'nej'],
    ...[
      'usann',
      'nei',
      'epätosi',
      'ei',
      'fałsz',
      'falsz',
      'nie',
      'nepravda',
      'ne',
      'hamis',
      'nem',
      'yanlış',
      'hayır',
    ],
    ...['fals', 'nu', 'väär', 'netiesa', 'ni', 'ложь', 'нет', 'не', 'ні', 'лъжа', 'ψευδές', 'όχι'],
    ...['いいえ', '否', '아니요', 'לא', 'لا'],
  ],
  /** Replies to a message by which carriers end a subscription. */
  stop: [
    ...['stop', 'stop all', 'unsubscribe', 'cancel', 'end', 'quit', 'revoke', 'opt out', 'remove'],
    ...['arret', 'alto', 'baja', 'cancelar', 'parar', 'sair', 'stopp', 'abmelden', 'unsub', 'leave', 'стоп'],
  ],
  /** What systems and people note down. */
  records: [
    ...['opted out', 'unsubscribed', 'withdrawn', 'revoked', 'cancelled', 'canceled', 'stopped', 'removed'],
    ...['objected', 'refused', 'declined', 'denied', 'blocked', 'widerrufen', 'abgemeldet', 'dnc', 'dnd'],
    ...[
      'widerruf',
      'widerspruch',
      'widersprochen',
      'gesperrt',
      'abgelehnt',
      'refusé',
      'désinscrit',
      'désabonné',
    ],
    ...[
      'rechazado',
      'revocado',
      'cancelado',
      'cancellato',
      'afgemeld',
      'blacklisted',
      'blocklisted',
      'suppressed',
    ],
    ...['do not call', 'do not contact', 'do not email', 'do not text', 'do not disturb'],
    ...['dont call', 'dont contact', 'dont email', 'dont text', 'no call', 'no contact'],
  ],
};

/** In a sentence these may turn a yes into a no. */
export const NEGATIONS: readonly string[] = [
  'not',
  'dont',
  'never',
  'nicht',
  'kein',
  'keine',
  'pas',
  'nunca',
  'niet',
];

/** Beside a word that says no, these change nothing: `STOP please`. */
export const COURTESY_WORDS: readonly string[] = [
  ...[
    'please',
    'pls',
    'plz',
    'thanks',
    'thank',
    'you',
    'now',
    'bitte',
    'danke',
    'merci',
    'gracias',
    'favor',
    'por',
  ],
];

/** Where a date is expected, these say that there is none. */
export const NO_DATE_WORDS: readonly string[] = [
  ...['na', 'n', 'none', 'null', 'nil', 'nan', 'nat', 'undefined', 'never', 'no', 'false', 'infinity'],
];
