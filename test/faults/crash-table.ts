/** The crash certificate as a page: which moments there are, in words, and what stood and what was repeated at each. */
import { sumOutcomes } from '../../src/domain/run.ts';
import type { Met, Scene, Seen, Word } from './crash-scenes.ts';

/** As a run goes through them; those that run beside each other have no order of their own. */
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

export function inOrder(moments: readonly string[]): readonly string[] {
  const rank = (moment: string) => {
    const at = ACTIVITIES.indexOf(partsOf(moment).activity);
    return at < 0 ? ACTIVITIES.length : at;
  };
  return moments.toSorted((a, b) => rank(a) - rank(b));
}

const WORDS: Readonly<Record<string, string>> = {
  'runs.open': 'the run is in the ledger',
  'runs.setPhase': 'the phase is kept',
  'runs.reserveBusinessKey': 'the content is claimed for this run',
  'runs.setSource': 'the source is described',
  'records.stage': 'the rows are staged',
  'records.settleDuplicates': 'the duplicates are settled',
  'records.finishStaging': 'the staging is finished',
  'writes.plan': 'the batches are cut',
  'runs.setPlan': 'the plan is kept',
  'writes.claim': '**a claim** is committed',
  'contactLists.createRecords': "**a POST's** first byte leaves",
  'contactLists.updateRecord': "**a PUT's** first byte leaves",
  'writes.settle': '**an answer is settled**',
  'writes.markUnanswered': '**a lost answer** is noted',
  'writes.release': 'a claim is given back',
  'outbox.freezeBody': "an event's bytes are fixed",
  'crm.post': 'the event is delivered',
  'outbox.markDelivered': 'the delivery is noted',
  'runs.steer': 'the claims are steered',
  'writes.resolve': 'what is in doubt is left so',
  'writes.markInDoubt': 'what is unanswered is doubted',
  'records.cancelPending': 'what is pending is cancelled',
  'runs.close': 'the run is closed',
  'audit.add': 'the audit entry is added',
  end: '**the activity reports its end**',
};

function partsOf(moment: string) {
  const [activity = '', fact = ''] = moment.split('/');
  const [verb = '', times = ''] = fact.split(':');
  return { activity, verb, times: Number(times) };
}

/** Those of `npm test`: the first time of each fact of the writing, and a dozen drawn from the rest. */
export function sampleOf(scenes: readonly Scene[], random: (least: number, most: number) => number): Scene[] {
  const isHeart = ({ moment }: Scene) => /^writePage\/.*:1$/.test(moment);
  const rest = scenes.filter((scene) => !isHeart(scene));
  const drawn = new Set(Array.from({ length: 12 }, () => rest.splice(random(0, rest.length - 1), 1)[0]));
  return scenes.filter((scene) => isHeart(scene) || drawn.has(scene));
}

const HEAD = `# Crash certificate

An import of 207 rows (203 good ones in three batches; two of them are in CXone already, two more rows are wrong and two
are there twice) with \`existing: update\`, an approval, a CRM that receives events, and one answer of CXone that gets lost. For each
row of the table it was run anew, and its worker ended with \`kill -9\` **right before** the moment named there; then another
worker was started. The moments are all durable facts that a worker makes on its way, as the worker itself lists them
(\`CXFLOW_CRASH_AT=trace\`, [src/worker/crash-points.ts](../src/worker/crash-points.ts)): between two of them a crash finds the same world, so
"right before a claim" is also "right after what was done before it".

After each of these crashes the run ended as one that nobody had disturbed, with the same counts, and the independent
check of [conservation.ts](../test/harness/conservation.ts) held: **total = sum of the outcomes; what CXone's journal
holds = what the ledger says; nobody created twice; every event delivered, and delivered again only under its old id with its old
bytes; the audit chain whole.** "Again" counts requests beyond those of the undisturbed run: a POST that leaves again is refused by CXone as a duplicate or was never applied, a PUT puts the same record into the same place.

Leases of 20 s were let run out by hand, as nobody was left to use them; worker-kill.test.ts waits them out.
This page is written by \`npm run crash-certificate\`; \`npm test\` compares its list of moments with those that the
worker passes now, and dies at a sample of them, the gate (\`.ci/run\`) at all.
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
    const { activity, verb } = partsOf(scene.moment);
    const lost = result.counts.total - sumOutcomes(result.counts);
    // Events are delivered beside the writing: how far that was at its moments differs from run to run.
    const stood = activity === 'deliverEvents' ? ['writing', 'as far as it was'] : [ledger, cxone];
    const moment = `\`${scene.moment}\``;
    const again = activity === 'deliverEvents' ? 'what was under way' : requestsAgain(seen, plain) || '–';
    const cells = [moment, WORDS[verb] ?? '', ...stood, again, lost, seen.twice];
    return `| ${cells.join(' | ')} |`;
  });
  const head = '| moment | killed right before … | ledger then | CXone then | again | lost | twice |';
  return [`## ${title}`, '', head, '|--|--|--|--|--|--|--|', ...rows, ''].join('\n');
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
export function momentsIn(page: string): readonly Pick<Met['scene'], 'moment' | 'word'>[] {
  const [approved = '', cancelled = ''] = page.split(`## ${TITLES.cancel}`);
  const momentsOf = (part: string, word: Word) =>
    linesOf(part).map((line) => ({ moment: /`([^`]+)`/.exec(line)?.[1] ?? '', word }));
  return [...momentsOf(approved, 'approve'), ...momentsOf(cancelled, 'cancel')];
}

function requestsAgain(seen: Seen, plain: Seen): string {
  const more = [[seen.posts - plain.posts, 'POST'] as const, [seen.puts - plain.puts, 'PUT'] as const];
  return more
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(', ');
}
