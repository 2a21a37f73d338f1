/** No field of an input or a decision accepts a text that the ledger cannot store. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checked } from '../../src/contract/input.ts';
import { selectionUpdate } from '../../src/contract/selection-update.ts';
import { readDecision, type STEERING_CHECKS, toSide } from '../../src/contract/steering.ts';
import { isObject } from '../../src/domain/json.ts';
import { formatCount } from '../../src/domain/numbers.ts';
import { TEXT_RULES, textProblem } from '../../src/domain/text.ts';
import { SAMPLES } from './samples.ts';
import { listPlaces, POISON_NAMES, POISONS, type Poison } from './texts.ts';

const CONTRACT = join(import.meta.dirname, '../../src/contract');

/** Objects whose keys the caller chooses. */
const CHOSEN_KEYS = /map$|numbers$|value$|priorityOrder\[1\]$|^answers$/;

/** The exceptions: names may contain marks, and columns and values are whatever the source contains. */
function takes(path: string, poison: Poison): boolean {
  const isName =
    /requestedBy|timeZone|path|field$|operator$|priorityOrder\[0\]|map key$|^by|^reason/.test(path) ||
    /^message\.(?:subject|tags|mergeFields|preview)/.test(path) ||
    /^deduplicateBy|^schema|^scoring(?!\.numbers)|^callingHours.*source$/.test(path);
  const isVerbatim = /map\.|value|priorityOrder\[1\]/.test(path);
  if (poison === 'mark') return isName || isVerbatim;
  return isVerbatim && ['c1Control', 'override'].includes(poison);
}

type Check = (value: unknown) => Checked<unknown>;

/** Every check of an input that the contract exports. */
async function listChecks(): Promise<[name: string, check: Check][]> {
  const modules = await Promise.all(
    readdirSync(CONTRACT).map((file) => import(join(CONTRACT, file)) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap(Object.entries).flatMap(([name, exported]): [string, Check][] => {
    if (isObject(exported) && typeof exported.check === 'function') return [[name, exported.check as Check]];
    return /^check[A-Z]/.test(name) && name !== 'checkFields' ? [[name, exported as Check]] : [];
  });
}

function listFields(check: Check): readonly string[] {
  const [, known = ''] = /known fields: (.*)$/m.exec(problemsOf(check({ noSuchField: 1 })).join('\n')) ?? [];
  return known.split(', ');
}

function problemsOf(checked: Checked<unknown>): readonly string[] {
  return 'problems' in checked ? checked.problems : [];
}

/** The problem with this value of this field, ignoring that the rest of the input is missing. */
function problemOf(check: Check, field: string, value: unknown): string | undefined {
  const own = new RegExp(`^(the key )?${field}\\b(?! needs )`);
  return problemsOf(check({ [field]: value })).find((problem) => own.test(problem));
}

const checks = await listChecks();
const fields = checks.flatMap(([name, check]) =>
  listFields(check).map((field) => ({ of: name, field, check })),
);

describe('every field of every input', () => {
  it('is found by this test', () => {
    expect(checks.map(([name]) => name)).toEqual(
      expect.arrayContaining(['contactImport', 'checkErasure', 'checkCampaignSelection']),
    );
    expect(fields.length).toBeGreaterThan(30);
  });

  it.each(fields)('$of: $field has a sample here, and takes it', ({ field, check }) => {
    expect(SAMPLES).toHaveProperty(field);
    for (const sample of SAMPLES[field] ?? []) expect(problemOf(check, field, sample)).toBeUndefined();
  });

  it.each(fields)('$of: $field takes no ill-formed text anywhere', ({ field, check }) => {
    for (const sample of SAMPLES[field] ?? []) {
      const places = listPlaces(sample, field, CHOSEN_KEYS);
      for (const poison of POISON_NAMES) {
        if (typeof sample !== 'string') expect(problemOf(check, field, POISONS[poison])).toBeDefined();
        for (const { path, put } of places) {
          const problem = problemOf(check, field, put(POISONS[poison]));
          if (takes(path, poison)) expect(problem, `${path}: ${poison}`).toBeUndefined();
          else expect(problem, `${path}: ${poison}`).toBeDefined();
          expect(problem?.length ?? 0, `${path}: the message is short`).toBeLessThan(500);
          expect(problem ?? '', 'what is refused is not shown as it is').not.toMatch(
            /\0|\u0085|\u202e|\p{Surrogate}/u,
          );
        }
      }
    }
  });

  it.each(checks)('%s refuses unknown fields of any name in a short message', (_, check) => {
    for (const poison of Object.values(POISONS)) {
      const text = problemsOf(check({ [poison]: 1 })).join('; ');
      expect(text).toContain('is not a field');
      expect(text.length).toBeLessThan(1_000);
      expect(text).not.toMatch(/\0|\u0085|\u202e|\p{Surrogate}/u);
    }
  });

  it.each(checks)('%s names the first problems of very many', (_, check) => {
    const input = Object.fromEntries(Array.from({ length: 50_000 }, (__, i) => [`field${i}`, i]));
    const problems = problemsOf(check(input));
    expect(problems.length).toBeLessThan(30);
    expect(problems.join()).toMatch(/and 499\d\d more/);
  });
});

describe('durations', () => {
  const [, check] = checks.find(([name]) => name === 'contactImport') as [string, Check];
  it.each(['0 days', '3650 days', '520 weeks', '10s'])('%s is one', (text) => {
    expect(problemOf(check, 'approvalDeadline', text)).toBeUndefined();
  });
  it.each([
    '3651 days',
    '999999999999 weeks',
    `${'9'.repeat(400)} h`,
    '1e9 h',
    '-3 days',
    '3\tdays',
    'NaN days',
  ])('%s is none', (text) => {
    expect(problemOf(check, 'approvalDeadline', text)).toBeDefined();
  });
});

describe('a value in a selection', () => {
  const [, check] = checks.find(([name]) => name === 'selectionUpdate') as [string, Check];
  const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const wrong = {
    infinite: Infinity,
    'not a number': Number.NaN,
    'too long': 2 ** 53,
    bigint: 1n,
    function: () => 1,
    deep: nested(3_000),
    'very deep': nested(100_000),
    circular,
  };

  it.each(Object.entries(wrong))('that is %s is refused with its position', (_, value) => {
    const rules = [
      { field: 'a', operator: 'eq', value: 1 },
      { field: 'b', operator: 'eq', value },
    ];
    const selection = { targetListIds: ['L1'], filterRules: rules };
    expect(problemOf(check, 'selection', selection)).toMatch(/^selection\.filterRules\[1\]\.value/);
    expect(problemOf(check, 'change', { add: selection })).toMatch(/^change\.add\.filterRules\[1\]\.value/);
    const order = { targetListIds: ['L1'], priorityOrder: ['a', { by: value }] };
    expect(problemOf(check, 'selection', order)).toMatch(/^selection\.priorityOrder\[1\]\.by/);
  });

  it.each([0, -1.5, 1e-7, 2 ** 53 - 1, null, false, '', 'Köln', nested(90)])('may be %j', (value) => {
    const selection = { targetListIds: ['L1'], filterRules: [{ field: 'a', operator: 'eq', value }] };
    expect(problemOf(check, 'selection', selection)).toBeUndefined();
  });

  it.each([1.5, Number.NaN, Infinity, 2 ** 53, '3'])('baseVersion cannot be %j', (baseVersion) => {
    expect(problemOf(check, 'baseVersion', baseVersion)).toBeDefined();
  });
});

describe('every field of a decision', () => {
  const samples: Readonly<Record<keyof typeof STEERING_CHECKS, readonly unknown[]>> = {
    by: ['dana'],
    reason: ['checked\nwith the customer'],
    planHash: ['3f9a0c1d2e4b5a67'],
    whenPlanned: [true, false],
    writeId: ['17'],
    verdict: ['resend'],
    answers: ['mine', { 'lists/L1': 'mine' }],
    seen: [['3f9a0c1d2e4b5a67']],
  };
  const read = (field: string, value: unknown) => readDecision('resolve', { [field]: value });

  it.each(Object.entries(samples))('%s takes its sample', (field, values) => {
    for (const value of values) expect(read(field, value)).toEqual({ action: 'resolve', [field]: value });
  });

  it.each(Object.entries(samples))('%s takes no ill-formed text', (field, values) => {
    for (const value of values)
      for (const { path, put } of listPlaces(value, field, CHOSEN_KEYS))
        for (const poison of POISON_NAMES) {
          const decision = read(field, put(POISONS[poison]));
          const isCut = poison === 'megabyte' && !/answers|seen/.test(path);
          if (takes(path, poison) || (path === 'answers key' && poison === 'mark') || isCut)
            expect(decision, `${path}: ${poison}`).toBeTypeOf('object');
          else expect(decision, `${path}: ${poison}`).toBeTypeOf('string');
          expect(JSON.stringify(decision).length).toBeLessThan(1_000);
        }
  });

  it('is shortened if it is long, because a pause must not fail because of its reason', () => {
    const decision = readDecision('pause', { reason: `${'x'.repeat(499)}😀` });
    expect(decision).toEqual({ action: 'pause', reason: `${'x'.repeat(499)}…` });
  });

  it('takes ours and mine, which mean the same', () => {
    for (const answers of ['ours', { 'lists/L1': 'ours', priorityOrder: 'mine' }])
      expect(read('answers', answers)).toEqual({ action: 'resolve', answers });
    expect([toSide('ours'), toSide('mine'), toSide('theirs')]).toEqual(['mine', 'mine', 'theirs']);
    const run = { campaignId: 'C1', change: { add: { targetListIds: ['L2'] } } };
    const [ours, mine] = (['ours', 'mine'] as const).map((onConflict) => ({ ...run, onConflict }));
    expect(selectionUpdate.check(ours)).toEqual({ input: ours });
    expect(selectionUpdate.fingerprint({ ...run, ...ours })).toEqual(
      selectionUpdate.fingerprint({ ...run, ...mine }),
    );
  });

  it('has a bounded number of answers', () => {
    const answers = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`lists/L${i}`, 'mine']));
    expect(read('answers', answers)).toMatch(/at most 1000 places/);
  });
});

describe('texts', () => {
  it.each(Object.entries(TEXT_RULES))('of the rule %s are never what PostgreSQL cannot store', (_, rule) => {
    for (const text of ['\0', 'a\ud800', '\udfffb', 'x'.repeat(rule.maxCharacters + 1)])
      expect(textProblem(text, rule)).not.toBeNull();
    for (const text of ['', 'Zoë 😀 שלום', 'x'.repeat(rule.maxCharacters)])
      expect(textProblem(text, rule)).toBeNull();
  });

  it.each(Object.entries(TEXT_RULES))('the documentation has the limit of %s', (name, { maxCharacters }) => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/from-a-service.md'), 'utf8');
    expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\|[^|]+\\| ${formatCount(maxCharacters)}\\b`, 'm'));
  });

  it('are refused with the position', () => {
    expect(textProblem('abc\0', TEXT_RULES.name)).toBe('must not have a NUL character (character 4)');
  });
});
