/** One term, one meaning (docs/glossary.md): retired terms must not come back. */
import { describe, expect, it } from 'vitest';
import {
  listRepositoryFiles,
  readComments,
  readIdentifiers,
  readProse,
  readStrings,
} from './harness/texts.ts';

type Replacements = Readonly<Record<string, string>>;

/** Words in identifiers (`tellCrm` consists of `tell` and `crm`), each with its replacement. */
const RETIRED_IN_NAMES: Replacements = {
  tell: 'deliver (events), print or render (output)',
  tells: 'hasSubscriber',
  told: 'delivered, isDelivered',
  story: 'run, steps',
  beat: 'heartbeat',
  beating: 'heartbeat',
  pace: 'rateLimiter, rate',
  storm: 'rateLimitBackoff',
  loser: 'duplicateRow',
  losers: 'duplicateRows',
  wish: 'desired, or the type of the options',
  wishes: 'options',
  rooms: 'layers',
  house: 'project',
  sameness: 'businessKey',
  alongside: 'inSettleTransaction',
  glancing: 'interactiveReads',
  fate: 'priorAttempt',
  papers: 'pages',
  said: 'given, stated',
};

/** Whole identifiers. */
const RETIRED_NAMES: Replacements = {
  allRowsNow: 'erasures',
  asking: 'consentLookup',
  askAtHome: 'checkLocally',
  notToBeHad: 'unavailable',
  brokenOffBy: 'interruptedBy',
  onlyLookedUp: 'readOnly',
  looking: 'cxoneReads',
  doubtOf: 'classifyPriorAttempt',
  endsTheRun: 'fatalFailure',
  whileBeating: 'sendHeartbeats',
  withHeartbeat: 'sendHeartbeats',
  together: 'coalesce',
  MOST_TOGETHER: 'MAX_COALESCED',
  inSlot: 'withRequestSlot',
  stillStands: 'assertClaimUsable',
  reckon: 'recordFailure',
  holdOff: 'applyRateLimit',
  stopFor: 'haltOn',
  givenUp: 'abandoned',
  nobodyWasAsked: 'exceedsApproval',
  theirRows: 'rowsOfSubject',
  silenceEvents: 'redactEvents',
  say: 'print',
  saidOf: 'omitUndefined',
  needsALook: 'needsAttention',
  NEEDS_A_LOOK: 'NEEDS_ATTENTION',
  LOOK_EVERY_MS: 'POLL_MS',
  operationId: 'writeId (a write is not an operation)',
  operation_id: 'write_id (a write is not an operation)',
  loseAnswer: 'markUnanswered',
  BulkKind: 'BulkDefinition',
};

/** Words and phrases in comments, texts and pages. */
const RETIRED_IN_PROSE: readonly (readonly [RegExp, string])[] = [
  // Not: "nobody can tell", "tell apart".
  [
    /(?<!\b(?:can(?:not)?|could)(?: even| be)? )\b(?:tell(?:s|ing)?|told)\b(?! (?:\w+ )?(?:apart|from)\b)/gi,
    'deliver (events), print or show (output), know, say',
  ],
  [/\bhouse\b/gi, 'project, code base'],
  // Not: "no room", "leaves room for".
  [/\brooms\b|\b(?:this|that|the|another|every|each|one) room\b/gi, 'layer, folder'],
  [/\bstor(?:y|ies)\b/gi, 'run, sequence of steps'],
  [/\bwish(?:es|ed)?\b/gi, 'desired selection'],
  [/\blosers?\b/gi, 'duplicate row'],
  [/\bstorms?\b/gi, 'many 429 answers, burst'],
  [/\bpace[sd]?\b/gi, 'rate limiter, rate'],
  [/\bbeating\b/gi, 'heartbeat'],
  [/\bpapers?\b/gi, 'page, documentation'],
  [/\blook-ups?\b/gi, 'lookup'],
  [/\bto be had\b/gi, 'available'],
  [/\bfor the time being\b/gi, 'temporarily'],
  [/\bat home\b/gi, 'locally, in our own list'],
  [/\bsameness\b/gi, 'business key'],
  [/\bsilenced\b/gi, 'redacted'],
  [/\bCRM events?\b/g, 'event (any subscriber receives it)'],
  [/\boperations? in doubt\b/gi, 'writes in doubt'],
  [/\boperations\.(?:claim|settle|plan|loseAnswer|resolve)\b/g, 'writes.…'],
  [/\bkinds? of run\b/gi, 'operation'],
  [/\btakes? (?:a person|them|somebody|people) out\b/gi, 'erases'],
];

const files = listRepositoryFiles();
const sources = files.filter((file) => /\.(ts|mjs|js)$/.test(file) && file !== 'test/vocabulary.test.ts');
const pages = files.filter((file) => file.endsWith('.md'));

/** `MAX_DELIVERY_WAIT` and `maxDeliveryWait` → max, delivery, wait */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .split('_');
}

function retiredNames(names: readonly string[]): string[] {
  return [...new Set(names)].flatMap((name) => {
    const whole = Object.hasOwn(RETIRED_NAMES, name) ? RETIRED_NAMES[name] : undefined;
    const word = wordsOf(name).find((each) => Object.hasOwn(RETIRED_IN_NAMES, each));
    const replacement = whole ?? (word === undefined ? undefined : RETIRED_IN_NAMES[word]);
    return replacement === undefined ? [] : [`${name} → ${replacement}`];
  });
}

function retiredPhrases(text: string): string[] {
  return RETIRED_IN_PROSE.flatMap(([pattern, replacement]) =>
    [...text.matchAll(pattern)].map(
      ({ 0: found, index }) => `"${context(text, index, found.length)}": ${found} → ${replacement}`,
    ),
  );
}

function context(text: string, index: number, length: number): string {
  return text
    .slice(Math.max(0, index - 30), index + length + 30)
    .replaceAll(/\s+/g, ' ')
    .trim();
}

const inFile = (found: (file: string) => readonly string[]) => (file: string) =>
  found(file).map((each) => `${file}: ${each}`);

describe('retired terms', () => {
  it('are in no identifier', () => {
    expect(sources.flatMap(inFile((file) => retiredNames(readIdentifiers(file))))).toEqual([]);
  });

  it('are in no comment', () => {
    expect(sources.flatMap(inFile((file) => retiredPhrases(readComments(file))))).toEqual([]);
  });

  it('are in no message, title or other text of the code', () => {
    expect(sources.flatMap(inFile((file) => readStrings(file).flatMap(retiredPhrases)))).toEqual([]);
  });

  it('are in no page', () => {
    expect(pages.flatMap(inFile((file) => retiredPhrases(readProse(file))))).toEqual([]);
  });

  it('are in no file name', () => {
    expect(files.filter((file) => retiredNames(file.split(/[/.-]/)).length > 0)).toEqual([]);
  });
});

describe('this test', () => {
  it('splits names into words', () => {
    expect(wordsOf('MAX_DELIVERY_WAIT')).toEqual(['max', 'delivery', 'wait']);
    expect(wordsOf('tellCRMNow')).toEqual(['tell', 'crm', 'now']);
  });

  it('finds what it looks for', () => {
    expect(retiredNames(['tellCrm', 'needsALook', 'spaced', 'foretell'])).toHaveLength(2);
    expect(retiredPhrases('the CRM is told, and nobody loses')).toHaveLength(1);
  });
});
