/** The crash certificate as a page: every crash point, what ledger and CXone had there, and what was sent again. */
import { sumOutcomes } from '../../src/domain/run.ts';
import type { Met, Scene, Seen, Word } from './crash-scenes.ts';

/** In the order of a run. Those that run at the same time have no order of their own. */
const ACTIVITIES = [
  'openRun',
  'setPhase',
  'stageRecords',
  'planWrites',
  'recordDecision',
  'steerRun',
  'writePage',
  'listInDoubt',
  'deliverEvents',
  'closeRun',
];

export function inOrder(points: readonly string[]): readonly string[] {
  const rank = (point: string) => {
    const { activity, name } = partsOf(point);
    const at = ACTIVITIES.indexOf(activity);
    if (name === 'writes.markSent') return at + 0.5;
    return at < 0 ? ACTIVITIES.length : at;
  };
  return points.toSorted((a, b) => rank(a) - rank(b));
}

const WORDS: Readonly<Record<string, string>> = {
  'runs.open': 'the run is in the ledger',
  'runs.setPhase': 'the phase is stored',
  'runs.takeOver': 'earlier attempts of a step are shut out',
  'runs.reserveBusinessKey': 'the business key is reserved',
  'runs.setSource': 'the source is described',
  'records.stage': 'the rows are staged',
  'records.settleDuplicates': 'the duplicates are settled',
  'records.finishStaging': 'the staging is finished',
  'writes.plan': 'the writes are planned',
  'runs.setPlan': 'the plan is stored',
  'writes.claim': '**a claim** is committed',
  'contactLists.createRecords': "**a POST's** first byte leaves",
  'contactLists.updateRecord': "**a PUT's** first byte leaves",
  'writes.settle': '**an answer is settled**',
  'writes.markUnanswered': '**a lost answer** is noted',
  'writes.release': 'a claim is released',
  'writes.markSent': 'it is noted that a request has left',
  'outbox.freezeBody': "an event's body is stored",
  'crm.post': 'the event is delivered',
  'outbox.markDelivered': 'the delivery is noted',
  'runs.steer': "the run's steering is set",
  'writes.resolve': 'writes in doubt become `left`',
  'writes.markInDoubt': 'writes that may have been applied become `in_doubt`',
  'records.cancelPending': 'pending records become `cancelled`',
  'runs.close': 'the run is closed',
  'audit.add': 'the audit entry is added',
  end: '**the activity reports its end**',
};

/** Marks of requests that leave shortly after one another are one: only the first is passed in every run. */
export const isInEveryRun = (point: string): boolean =>
  !point.includes('/writes.markSent:') || point.endsWith(':1');

/** `activity/name:count` (src/worker/crash-points.ts). */
function partsOf(point: string) {
  const [activity = '', rest = ''] = point.split('/');
  const [name = ''] = rest.split(':');
  return { activity, name };
}

/** Those of `npm test`: the first of each crash point of the writing, and a dozen drawn from the rest. */
export function sampleOf(scenes: readonly Scene[], random: (least: number, most: number) => number): Scene[] {
  const isHeart = ({ point }: Scene) => /^writePage\/.*:1$/.test(point);
  const rest = scenes.filter((scene) => !isHeart(scene));
  const drawn = new Set(Array.from({ length: 12 }, () => rest.splice(random(0, rest.length - 1), 1)[0]));
  return scenes.filter((scene) => isHeart(scene) || drawn.has(scene));
}

const HEAD = `# Crash certificate

An import of 207 rows with \`existing: update\`, an approval, a CRM that receives events, and one answer of CXone that is
lost. 203 rows are good and make three batches; two of them are in CXone already. Two rows are invalid and two are
duplicates. For each row of the tables the import was run anew, and its worker was ended with \`kill -9\` **right before**
the *crash point* named there; then another worker was started. There is a crash point before every durable step of a
worker, and the worker itself lists them (\`CXFLOW_CRASH_AT=trace\`, [src/worker/crash-points.ts](../src/worker/crash-points.ts)).
A crash anywhere between two of them has the same effect, so "right before a claim" is also "right after the step before it".
A method of the ledger that takes a transaction of several statements has a second point, \`….commit\`, at which the worker
dies in the middle of the transaction, holding its locks; methods of one statement have no middle.

After each of these crashes the run ended with the same outcomes as an undisturbed one, and the independent check of
[conservation.ts](../test/harness/conservation.ts) held: **total = sum of the outcomes; what CXone's journal holds = what
the ledger says; nobody created twice; every event delivered, and delivered again only under its old id with its old bytes;
the audit chain whole.**

"Again" compares the requests with those of the undisturbed run. A POST that is sent again is refused by CXone as a
duplicate, or had not been applied before; a PUT puts the same record into the same place. Most of the differences in PUTs
come from the lost answer. It is always the answer to the third POST, and after a crash that may be another batch. CXone
refuses the repetition of a batch that it has created, and \`existing: update\` then updates every contact of that batch. In
the undisturbed run these are three contacts. If the third POST is a batch of 98 or 100 instead, there are as many PUTs; if
it is one that CXone refuses, nothing had been created and the three are saved: \`-3 PUT\`.

The leases of 20 s were ended by hand, because nobody was left to use them; worker-kill.test.ts waits them out.
The other operations, and an import with claims ahead, are in
[crash-operations.test.ts](../test/faults/crash-operations.test.ts), which kills workers in the same way and ends with the
same check. This page is written by \`npm run crash-certificate\`. \`npm test\` compares its crash points with those that the worker
passes now, and kills workers at a sample of them; CI (\`.ci/run\`) does so at all of them.
`;

export function certificate(met: readonly Met[], plain: Seen): string {
  const parts = [
    table(
      'An import that is approved',
      met.filter(({ scene }) => scene.word === 'approve'),
      plain,
    ),
    table(
      'Cancelled instead of approved',
      met.filter(({ scene }) => scene.word === 'cancel'),
      NOTHING,
    ),
  ];
  return [HEAD, ...parts].join('\n');
}

const TITLES: Readonly<Record<Word, string>> = {
  approve: 'An import that is approved',
  cancel: 'Cancelled instead of approved',
};
const NOTHING: Seen = { posts: 0, puts: 0, delivered: 0, twice: 0 };

function table(title: string, met: readonly Met[], plain: Seen): string {
  const rows = met.map(({ scene, ledger, cxone, seen, result }) => {
    const { activity, name } = partsOf(scene.point);
    const lost = result.counts.total - sumOutcomes(result.counts);
    // Events are delivered and requests marked beside the writing; how far it has come by then differs from run to run.
    const isBeside = activity === 'deliverEvents' || name === 'writes.markSent';
    const stood = isBeside ? ['writing', 'varies'] : [ledger, cxone];
    const again = isBeside ? 'what was in flight' : requestsAgain(seen, plain) || '–';
    const cells = [`\`${scene.point}\``, wordsFor(name), ...stood, again, lost, seen.twice];
    return `| ${cells.join(' | ')} |`;
  });
  const head = '| crash point | killed right before … | ledger then | CXone then | again | lost | twice |';
  return [`## ${title}`, '', head, '|--|--|--|--|--|--|--|', ...rows, ''].join('\n');
}

const COMMIT = '.commit';

function wordsFor(name: string): string {
  if (!name.endsWith(COMMIT)) return WORDS[name] ?? '';
  return `${WORDS[name.slice(0, -COMMIT.length)] ?? ''}: its transaction commits`;
}

/** The rows of a page. */
function linesOf(page: string): readonly string[] {
  return page.split('\n').filter((line) => line.startsWith('| `'));
}

/** What is the same each time. How often something went again is up to a busy machine as well: a late heartbeat. */
export function steadyLinesOf(page: string): readonly string[] {
  return linesOf(page).map((line) => line.split(' | ').toSpliced(AGAIN, 1).join(' | '));
}

const AGAIN = 4;

/** Of a page that was written before. */
export function pointsIn(page: string): readonly Pick<Met['scene'], 'point' | 'word'>[] {
  const [approved = '', cancelled = ''] = page.split(`## ${TITLES.cancel}`);
  const pointsOf = (part: string, word: Word) =>
    linesOf(part).map((line) => ({ point: /`([^`]+)`/.exec(line)?.[1] ?? '', word }));
  return [...pointsOf(approved, 'approve'), ...pointsOf(cancelled, 'cancel')];
}

function requestsAgain(seen: Seen, plain: Seen): string {
  const more = [[seen.posts - plain.posts, 'POST'] as const, [seen.puts - plain.puts, 'PUT'] as const];
  return more
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(', ');
}
