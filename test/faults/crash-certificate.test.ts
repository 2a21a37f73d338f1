/**
 * The crash certificate: a worker is killed at every crash point of an import, one at a time, and nothing is lost or written
 * twice. The worker itself reports its crash points (src/worker/crash-points.ts), so that a new one cannot be forgotten.
 * `npm run crash-certificate` writes the results to docs/crash-certificate.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Source } from '../../src/contract/run.ts';
import { useProcesses } from '../harness/processes.ts';
import {
  countTraffic,
  countUnattributed,
  ENV,
  type Lane,
  loseThirdAnswer,
  openLane,
  type PlanDecision,
  readPassedPoints,
  type Scene,
  type SceneResult,
  stageContacts,
  startScene,
  workThrough,
} from './crash-scenes.ts';
import {
  drawSample,
  isInEveryRun,
  readPoints,
  renderCertificate,
  reproducibleRows,
  sortPoints,
} from './crash-table.ts';
import { chooseSeed, createRandom, onStand, type Stand } from './stand.ts';
import { unlessStuck } from './stuck.ts';

const processes = useProcesses();
const LANES = 4;
const COMPLETED = { total: 207, pending: 0, created: 201, updated: 2, invalid: 2, duplicate: 2 };
/** A batch has 3, 100 or 98 contacts (100 without the two that CXone had before). */
const UNATTRIBUTED = [0, 3, 98, 100, 3 + 98, 3 + 100, 98 + 100];
const CANCELLED = { total: 207, pending: 0, cancelled: 203, invalid: 2, duplicate: 2 };
const PAGE = new URL('../../docs/crash-certificate.md', import.meta.url);
/** `sample` for `npm test`; any other value for all crash points, as in CI; `write` also writes the page. */
const MODE = process.env.CXFLOW_CERTIFICATE ?? 'sample';

it('an import loses nothing and writes nothing twice if its worker is killed at any crash point', {
  // A run for each crash point, while those of the other operations share the machine.
  timeout: 3_000_000,
}, async () => {
  await onStand(processes, { env: ENV }, async (stand) => {
    const source = await stageContacts(stand);
    const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(stand)));
    const { all, baseline } = await recordPoints(stand, lanes[0] as Lane, source);
    const scenes = MODE === 'sample' ? drawSample(all, createRandom(chooseSeed(20284))) : all;
    const results = await killAtEach(stand, lanes, scenes, source);
    for (const result of results) await expectNothingLost(stand, result);
    const page = renderCertificate(results, baseline);
    if (MODE === 'write') return writeFileSync(PAGE, page);
    const committed = readFileSync(PAGE, 'utf8');
    expect(readPoints(committed), STALE).toEqual(all.map(({ point, decision }) => ({ point, decision })));
    expect(
      reproducibleRows(page).filter((line) => !reproducibleRows(committed).includes(line)),
      STALE,
    ).toEqual([]);
  });
});

const STALE = 'docs/crash-certificate.md is out of date: run npm run crash-certificate';

/** Runs one import that is approved and one that is cancelled, without a crash: their crash points, and the traffic of the first. */
async function recordPoints(stand: Stand, lane: Lane, source: Source) {
  const undisturbed = (decision: PlanDecision): Scene => ({
    point: '',
    decision,
    name: `undisturbed-${decision}`,
  });
  const [approved, cancelled] = [undisturbed('approve'), undisturbed('cancel')];
  await stand.admin.setFaults([loseThirdAnswer(approved)]);
  const tracer = await lane.worker('trace');
  for (const scene of [approved, cancelled]) {
    const { ended } = await startScene(stand, lane, scene, source);
    await unlessStuck(ended, { client: lane.client, runId: scene.name, what: 'the undisturbed run to end' });
  }
  const baseline = await countTraffic(stand, approved);
  await tracer.kill();
  const cancelPoints = readPassedPoints(tracer.output(), cancelled).filter((point) =>
    /^(steerRun|closeRun)/.test(point),
  );
  const scenesOf = (points: readonly string[], decision: PlanDecision): Scene[] =>
    sortPoints(points.filter(isInEveryRun)).map((point, n) => ({
      point,
      decision,
      name: `${decision}-${n + 1}`,
    }));
  const all = [
    ...scenesOf(readPassedPoints(tracer.output(), approved), 'approve'),
    ...scenesOf(cancelPoints, 'cancel'),
  ];
  return { all, baseline };
}

async function killAtEach(stand: Stand, lanes: readonly Lane[], scenes: readonly Scene[], source: Source) {
  await stand.admin.setFaults(scenes.map(loseThirdAnswer));
  const queue = [...scenes];
  const worked = await Promise.all(lanes.map((lane) => workThrough(stand, lane, queue, source)));
  const results = worked.flat().sort((a, b) => scenes.indexOf(a.scene) - scenes.indexOf(b.scene));
  expect(results.length).toBe(scenes.length);
  await Promise.all(lanes.map(({ client }) => client.close()));
  return results;
}

/** To be called when all lanes have finished, because the check compares all requests with all claims of the ledger. */
async function expectNothingLost(stand: Stand, { scene, result }: SceneResult): Promise<void> {
  const isCancelled = scene.decision === 'cancel';
  const state = isCancelled ? 'cancelled' : 'completed';
  const { created = 0, updated = 0, ...rest } = await stand.conserved(scene.name, { result, state });
  // Contacts of a batch whose answer was lost end as `updated`, because they may have been there before.
  const unattributed = await countUnattributed(stand, scene, 'updated');
  const counts = isCancelled
    ? rest
    : { ...rest, created: created + unattributed, updated: updated - unattributed };
  expect(counts, `killed at ${scene.point}`).toEqual(isCancelled ? CANCELLED : COMPLETED);
  expect(UNATTRIBUTED, 'unattributed contacts: of the lost answer, and of the batch in flight').toContain(
    unattributed,
  );
}
