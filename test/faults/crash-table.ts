/** Renders the crash certificate: every crash point, the state of ledger and CXone at it, and what was sent again. */
import { sumOutcomes } from '../../src/domain/run.ts';
import type { PlanDecision, Scene, SceneResult, Traffic } from './crash-scenes.ts';

/** In the order in which a run executes them, as far as they do not overlap. */
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

export function sortPoints(points: readonly string[]): readonly string[] {
  const rank = (point: string) => {
    const { activity, name } = parsePoint(point);
    const at = ACTIVITIES.indexOf(activity);
    if (name === 'writes.markSent') return at + 0.5;
    return at < 0 ? ACTIVITIES.length : at;
  };
  return points.toSorted((a, b) => rank(a) - rank(b));
}

const STEPS: Readonly<Record<string, string>> = {
  'runs.open': 'the run is in the ledger',
  'runs.setPhase': 'the phase is stored',
  'runs.takeOver': 'earlier attempts of a step are shut out',
  'runs.reserveBusinessKey': 'the business key is reserved',
  'runs.setSource': 'the source is described',
  'records.stage': 'the rows are staged',
  'records.settleStaged': 'the duplicates are settled',
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

/**
 * Whether a run passes the crash point however fast its machine is. Requests that leave shortly after one another are marked in
 * one statement, so only the first mark is certain. A claim is renewed once it is old, and released if its lookups take long.
 */
export const isInEveryRun = (point: string): boolean =>
  !/\/writes\.(renew|release)\b/.test(point) &&
  (!point.includes('/writes.markSent:') || point.endsWith(':1'));

/** `activity/name:count` (src/worker/crash-points.ts). */
function parsePoint(point: string) {
  const [activity = '', rest = ''] = point.split('/');
  const [name = ''] = rest.split(':');
  return { activity, name };
}

/** The sample for `npm test`: the first occurrence of each crash point of a page, and a dozen drawn from the rest. */
export function drawSample(
  scenes: readonly Scene[],
  random: (least: number, most: number) => number,
): Scene[] {
  const isFirstInPage = ({ point }: Scene) => /^writePage\/.*:1$/.test(point);
  const rest = scenes.filter((scene) => !isFirstInPage(scene));
  const drawn = new Set(Array.from({ length: 12 }, () => rest.splice(random(0, rest.length - 1), 1)[0]));
  return scenes.filter((scene) => isFirstInPage(scene) || drawn.has(scene));
}

const HEAD = `# Crash certificate

An import of 207 rows with \`existing: update\`, an approval, a CRM that receives events, and one lost answer from CXone.
203 rows are valid and form three batches; two of these contacts already exist in CXone. Two rows are invalid and two are
duplicates. For each row of the tables below, the import was run from scratch, its worker was killed with \`kill -9\` **right
before** the *crash point* named there, and another worker was started. There is a crash point before every durable step of
a worker, and the worker itself lists them (\`CXFLOW_CRASH_AT=trace\`, [src/worker/crash-points.ts](../src/worker/crash-points.ts)).
A crash anywhere between two crash points has the same effect, so "right before a claim" is also "right after the previous
step". A ledger method that needs a transaction of several statements has a second crash point, \`….commit\`, at which the
worker dies in the middle of the transaction, holding its locks. A method with a single statement has no such point.

After each of these crashes the run ended with the same outcomes as an undisturbed run, except that nobody can tell whether
CXone had the contacts of a lost answer before (\`updated\`, with the evidence \`own_write_or_existing\`). The independent check in
[conservation.ts](../test/harness/conservation.ts) passed: **total = sum of the outcomes; CXone's journal matches the ledger;
no contact was created twice; every event was delivered, and repeated only with the same id and the same bytes; the audit
chain is intact.**

The column "again" compares the requests with those of the undisturbed run. A repeated POST is refused by CXone as a
duplicate, unless it had not been applied before; a repeated PUT stores the same record in the same place. Most differences
in PUTs come from the lost answer. It is always the answer to the third POST, which after a crash may carry another batch.
When a batch that CXone has created is repeated, CXone refuses it, and \`existing: update\` then updates every contact of that
batch: three contacts in the undisturbed run. If the third POST carries a batch of 98 or 100 contacts instead, there are that
many PUTs. If it is one that CXone refuses, nothing was created and the three PUTs are not needed: \`-3 PUT\`.

The leases of 20 s were expired by hand, because no worker was left to use them; worker-kill.test.ts waits for them to
expire. This page is written by \`npm run crash-certificate\`. \`npm test\` compares its crash points with those that the
worker passes now, and kills workers at a sample of them; CI (\`.ci/run\`) kills workers at all of them.

The other operations have no table here. [crash-operations.test.ts](../test/faults/crash-operations.test.ts) kills workers in
the same way at the crash points of a list load (500 rows, of which a tenth are duplicates and ten are suppressed, into a
campaign with room for exactly the rest, and a lost answer), of a preference update, of a selection update that is approved,
of an import with claims ahead, and of an email send (230 recipients, of whom some bounce, are sent a second message, complain or
opt out). A message that may have left is in doubt and is not repeated: what CXone accepted is what the ledger calls sent, or in
doubt, and nobody was skipped ([email-conservation.ts](../test/harness/email-conservation.ts)). It ends with the conservation check of each operation, for a list load
[item-conservation.ts](../test/harness/item-conservation.ts), and as here it takes a sample in \`npm test\` and all of them in CI.
`;

export function renderCertificate(results: readonly SceneResult[], baseline: Traffic): string {
  const parts = [
    table(
      TITLES.approve,
      results.filter(({ scene }) => scene.decision === 'approve'),
      baseline,
    ),
    table(
      TITLES.cancel,
      results.filter(({ scene }) => scene.decision === 'cancel'),
      NO_TRAFFIC,
    ),
  ];
  return [HEAD, ...parts].join('\n');
}

const TITLES: Readonly<Record<PlanDecision, string>> = {
  approve: 'An import that is approved',
  cancel: 'Cancelled instead of approved',
};
const NO_TRAFFIC: Traffic = { posts: 0, puts: 0, delivered: 0, twice: 0 };

function table(title: string, results: readonly SceneResult[], baseline: Traffic): string {
  const rows = results.map(({ scene, ledger, cxone, traffic, result }) => {
    const { activity, name } = parsePoint(scene.point);
    const lost = result.counts.total - sumOutcomes(result.counts);
    // Events are delivered, and requests marked, while pages are written. How far the writing has come differs between runs.
    const isConcurrent = activity === 'deliverEvents' || name === 'writes.markSent';
    const state = isConcurrent ? ['writing', 'varies'] : [ledger, cxone];
    const again = isConcurrent ? 'what was in flight' : describeRepeats(traffic, baseline) || '–';
    const cells = [`\`${scene.point}\``, describeStep(name), ...state, again, lost, traffic.twice];
    return `| ${cells.join(' | ')} |`;
  });
  const head = '| crash point | killed right before … | ledger then | CXone then | again | lost | twice |';
  return [`## ${title}`, '', head, '|--|--|--|--|--|--|--|', ...rows, ''].join('\n');
}

const COMMIT = '.commit';

function describeStep(name: string): string {
  if (!name.endsWith(COMMIT)) return STEPS[name] ?? '';
  return `${STEPS[name.slice(0, -COMMIT.length)] ?? ''}: its transaction commits`;
}

/** The table rows of a rendered certificate. */
function tableRows(page: string): readonly string[] {
  return page.split('\n').filter((line) => line.startsWith('| `'));
}

/** The rows without the column `again`: on a busy machine a late heartbeat also causes repeats. */
export function reproducibleRows(page: string): readonly string[] {
  return tableRows(page).map((line) => line.split(' | ').toSpliced(AGAIN, 1).join(' | '));
}

/** Index of the column `again`. */
const AGAIN = 4;

/** The crash points of a certificate that was written earlier. */
export function readPoints(page: string): readonly Pick<SceneResult['scene'], 'point' | 'decision'>[] {
  const [approved = '', cancelled = ''] = page.split(`## ${TITLES.cancel}`);
  const pointsOf = (part: string, decision: PlanDecision) =>
    tableRows(part).map((line) => ({ point: /`([^`]+)`/.exec(line)?.[1] ?? '', decision }));
  return [...pointsOf(approved, 'approve'), ...pointsOf(cancelled, 'cancel')];
}

function describeRepeats(traffic: Traffic, baseline: Traffic): string {
  const more = [
    [traffic.posts - baseline.posts, 'POST'] as const,
    [traffic.puts - baseline.puts, 'PUT'] as const,
  ];
  return more
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(', ');
}
