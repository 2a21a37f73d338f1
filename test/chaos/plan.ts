/**
 * The plan of one seed: an operation and its disturbances. The same seed gives the same plan on every machine. The effects
 * may still vary with the timing, but the conservation check must always pass.
 */
import type { OnConflict } from '../../src/contract/selection-update.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { Edit } from '../../src/simulator/outbound.editors.ts';
import { type ChaosEvent, chooseEvents } from './events.ts';
import { chooseFaults } from './faults.ts';
import { createRandom, type Random } from './random.ts';

/** The number of rows of each kind in a source. */
export interface Rows {
  readonly valid: number;
  readonly invalid: number;
  readonly duplicate: number;
}

export interface ImportPlan {
  readonly kind: 'contactImport';
  readonly rows: Rows;
  /** How many of the contacts CXone already has. */
  readonly known: number;
  readonly existing: 'skip' | 'update';
  /** How many contacts have not given the consent to email that the import requires. Null if it requires none. */
  readonly withheld: number | null;
  /** Whether CXone names the records that it rejects, and whether it creates the others. */
  readonly naming: 'all' | 'none';
  readonly atomic: boolean;
  /** Whether CXone refuses contacts that it already has. If not, a lost answer leaves its batch in doubt. */
  readonly duplicatesRefused: boolean;
  readonly onInDoubt: 'ask' | 'leave';
}

export interface PreferencePlan {
  readonly kind: 'preferenceUpdate';
  readonly rows: Rows;
  /** How many opt-ins are older than a withdrawal stored in CXone. */
  readonly withdrawn: number;
}

/** Concurrent updates of one campaign, each adding a different list, while others edit it. */
export interface SelectionPlan {
  readonly kind: 'selectionUpdate';
  readonly updates: number;
  readonly onConflict: OnConflict;
  readonly editors: readonly Edit[];
}

/** Loads of different items to lists of one campaign, all at once. */
export interface ListLoadPlan {
  readonly kind: 'listLoad';
  readonly loads: number;
  /** Of each load. `valid` includes those that are suppressed. */
  readonly rows: Rows;
  readonly suppressed: number;
  /** How many of the items each list already has. */
  readonly known: number;
  /** The share of all their items that the campaign has room for, from 0 to 1; they load what fits. */
  readonly room: number;
  readonly naming: 'all' | 'none';
  readonly atomic: boolean;
  /** Whether CXone refuses items whose key it has. If not, a lost answer leaves its batch in doubt. */
  readonly duplicatesRefused: boolean;
  readonly onInDoubt: 'ask' | 'leave';
}

/** One message to the recipients of a source. */
export interface EmailPlan {
  readonly kind: 'emailSend';
  readonly rows: Rows;
  /** Of the valid ones, the first: whom CXone suppresses. */
  readonly suppressed: number;
  /** Whether CXone drops repeats under the same key. If not, a lost answer leaves its batch in doubt. */
  readonly idempotent: boolean;
  readonly perRequest: number;
  readonly onInDoubt: 'ask' | 'leave';
  /** Whether recipients bounce, open, click, unsubscribe and complain. */
  readonly mixed: boolean;
}

export type WorkPlan = EmailPlan | ImportPlan | ListLoadPlan | PreferencePlan | SelectionPlan;

export interface ChaosPlan {
  readonly seed: number;
  readonly work: WorkPlan;
  readonly approval: boolean;
  readonly workers: number;
  readonly inFlight: number;
  readonly latencyMs: number;
  /** 0: unlimited. */
  readonly ratePerMinute: number;
  readonly faults: readonly FaultRule[];
  readonly events: readonly ChaosEvent[];
}

export function createPlan(seed: number): ChaosPlan {
  const random = createRandom(seed);
  const work = chooseWork(random);
  const workers = random.between(1, 3);
  return {
    seed,
    work,
    approval: random.chance(0.3),
    workers,
    inFlight: random.between(1, 6),
    latencyMs: work.kind === 'selectionUpdate' ? random.between(100, 500) : random.between(20, 250),
    ratePerMinute: isQuick(work) && random.chance(0.25) ? random.between(600, 3_000) : 0,
    faults: chooseFaults(random, work),
    events: chooseEvents(random, work, workers),
  };
}

/** The total duration of the plan's outages. */
export function outageMs({ events }: ChaosPlan): number {
  return events.reduce((sum, event) => sum + (event.what === 'outage' ? event.downMs : 0), 0);
}

/** Whether the plan's outages are short enough for `npm test`. */
export function isShort(plan: ChaosPlan): boolean {
  return outageMs(plan) < 30_000;
}

/** Whether the work tolerates a rate limit: the lookups of consent and suppressions would take minutes. */
function isQuick(work: WorkPlan): boolean {
  return !(work.kind === 'contactImport' && work.withheld !== null) && work.kind !== 'emailSend';
}

function chooseWork(random: Random): WorkPlan {
  const kind = random.pick([
    'contactImport',
    'contactImport',
    'emailSend',
    'listLoad',
    'preferenceUpdate',
    'selectionUpdate',
  ] as const);
  switch (kind) {
    case 'contactImport':
      return chooseImport(random);
    case 'emailSend':
      return chooseEmailSend(random);
    case 'listLoad':
      return chooseListLoad(random);
    case 'preferenceUpdate': {
      const rows = { valid: random.between(500, 2_500), ...chooseWrongRows(random) };
      return { kind, rows, withdrawn: random.chance(0.5) ? random.between(1, 40) : 0 };
    }
    case 'selectionUpdate': {
      const onConflict = random.pick(['merge', 'ask', 'mine', 'theirs'] as const);
      const editors = Array.from({ length: random.between(0, 2) }, (_, n) => chooseEditor(random, n));
      return { kind, updates: random.between(3, 8), onConflict, editors };
    }
  }
}

function chooseImport(random: Random): ImportPlan {
  const requiresConsent = random.chance(0.25);
  const valid = requiresConsent ? random.between(300, 900) : random.between(1_000, 5_000);
  return {
    kind: 'contactImport',
    rows: { valid, ...chooseWrongRows(random) },
    known: random.chance(0.5) ? random.between(1, 60) : 0,
    existing: random.pick(['skip', 'update']),
    withheld: requiresConsent ? random.between(0, 50) : null,
    ...chooseTenant(random),
  };
}

/** How CXone treats batches, and what happens to those in doubt. */
function chooseTenant(random: Random) {
  return {
    naming: random.chance(0.2) ? ('none' as const) : ('all' as const),
    atomic: !random.chance(0.2),
    duplicatesRefused: !random.chance(0.3),
    onInDoubt: random.pick(['ask', 'leave'] as const),
  };
}

function chooseListLoad(random: Random): ListLoadPlan {
  const valid = random.between(300, 1_200);
  const plan = {
    kind: 'listLoad' as const,
    loads: random.between(1, 3),
    rows: { valid, ...chooseWrongRows(random) },
    suppressed: random.chance(0.5) ? random.between(1, 60) : 0,
    known: random.chance(0.5) ? random.between(1, 60) : 0,
    room: random.chance(0.5) ? random.between(30, 95) / 100 : 1,
    ...chooseTenant(random),
  };
  if (plan.naming === 'all') return plan;
  // After each lost answer two requests for every item, one after the other: with more items it would take many minutes.
  return { ...plan, rows: { ...plan.rows, valid: Math.ceil(valid / 4) } };
}

function chooseEmailSend(random: Random): EmailPlan {
  return {
    kind: 'emailSend',
    rows: { valid: random.between(200, 800), ...chooseWrongRows(random) },
    suppressed: random.chance(0.5) ? random.between(1, 40) : 0,
    idempotent: random.chance(0.4),
    perRequest: random.between(10, 100),
    onInDoubt: random.pick(['ask', 'leave'] as const),
    mixed: random.chance(0.6),
  };
}

function chooseWrongRows(random: Random) {
  return { invalid: random.between(0, 40), duplicate: random.between(0, 40) };
}

/** An editor who adds lists and a rule right after one of our reads or writes. */
function chooseEditor(random: Random, n: number): Edit {
  return {
    when: random.pick(['after-get', 'after-patch']),
    after: random.between(0, 6),
    times: random.between(1, 3),
    add: {
      targetListIds: [`E${n}-#`],
      filterRules: [{ field: 'state', operator: 'ne', value: `E${n}` }],
    },
  };
}
