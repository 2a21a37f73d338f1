/**
 * The crash certificate: the worker dies at every crash point of an import, one at a time, and nothing is lost and nothing
 * written twice. The crash points are those that the worker itself passes (src/worker/crash-points.ts), so that a new one
 * cannot be forgotten. docs/crash-certificate.md is its table; `npm run crash-certificate` writes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Source } from '../../src/contract/run.ts';
import { useProcesses } from '../harness/processes.ts';
import { within } from '../harness/wait.ts';
import {
  begin,
  countUntold,
  ENV,
  type Lane,
  losesThirdAnswer,
  type Met,
  openLane,
  passedBy,
  type Scene,
  seenOf,
  stageContacts,
  type Word,
  workThrough,
} from './crash-scenes.ts';
import { certificate, inOrder, isInEveryRun, pointsIn, sampleOf, steadyLinesOf } from './crash-table.ts';
import { onStand, randomOf, type Stand, seedOf } from './stand.ts';

const processes = useProcesses();
const LANES = 8;
const WHOLE = { total: 207, pending: 0, created: 201, updated: 2, invalid: 2, duplicate: 2 };
const CANCELLED = { total: 207, pending: 0, cancelled: 203, invalid: 2, duplicate: 2 };
const PAGE = new URL('../../docs/crash-certificate.md', import.meta.url);
/** `npm test` uses a sample of the crash points, CI all of them; `npm run crash-certificate` writes the page too. */
const ASKED_FOR = process.env.CXFLOW_CERTIFICATE ?? 'sample';

it('a worker that dies at any crash point of an import loses nothing and writes nothing twice', {
  timeout: 900_000,
}, async () => {
  await onStand(processes, { env: ENV }, async (stand) => {
    const source = await stageContacts(stand);
    const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(stand)));
    const { all, plain } = await pointsOf(stand, lanes[0] as Lane, source);
    const scenes = ASKED_FOR === 'sample' ? sampleOf(all, randomOf(seedOf(20284))) : all;
    const met = await dieAt(stand, lanes, scenes, source);
    for (const each of met) await holds(stand, each);
    const page = certificate(met, plain);
    if (ASKED_FOR === 'write') return writeFileSync(PAGE, page);
    const kept = readFileSync(PAGE, 'utf8');
    expect(pointsIn(kept), STALE).toEqual(all.map(({ point, word }) => ({ point, word })));
    expect(
      steadyLinesOf(page).filter((line) => !steadyLinesOf(kept).includes(line)),
      STALE,
    ).toEqual([]);
  });
});

const STALE = 'docs/crash-certificate.md is of an older import: npm run crash-certificate';

/** One import that is approved and one that is cancelled, undisturbed: what they pass, and what CXone sees of the first. */
async function pointsOf(stand: Stand, lane: Lane, source: Source) {
  const undisturbed = (word: Word): Scene => ({ point: '', word, name: `undisturbed-${word}` });
  const [approved, cancelled] = [undisturbed('approve'), undisturbed('cancel')];
  await stand.admin.setFaults([losesThirdAnswer(approved)]);
  const tracer = await lane.worker('trace');
  for (const scene of [approved, cancelled])
    await within((await begin(stand, lane, scene, source)).ended, `${scene.name} to end`);
  const plain = await seenOf(stand, approved);
  await tracer.kill();
  const onlyThere = passedBy(tracer.output(), cancelled).filter((point) =>
    /^(steerRun|closeRun)/.test(point),
  );
  const scenesOf = (points: readonly string[], word: Word): Scene[] =>
    inOrder(points.filter(isInEveryRun)).map((point, n) => ({ point, word, name: `${word}-${n + 1}` }));
  const all = [...scenesOf(passedBy(tracer.output(), approved), 'approve'), ...scenesOf(onlyThere, 'cancel')];
  return { all, plain };
}

async function dieAt(stand: Stand, lanes: readonly Lane[], scenes: readonly Scene[], source: Source) {
  await stand.admin.setFaults(scenes.map(losesThirdAnswer));
  const queue = [...scenes];
  const worked = await Promise.all(lanes.map((lane) => workThrough(stand, lane, queue, source)));
  const met = worked.flat().sort((a, b) => scenes.indexOf(a.scene) - scenes.indexOf(b.scene));
  expect(met.length).toBe(scenes.length);
  await Promise.all(lanes.map(({ client }) => client.close()));
  return met;
}

/** Once all lanes are quiet: requests are counted against claims over the whole ledger. */
async function holds(stand: Stand, { scene, result }: Met): Promise<void> {
  const isCancelled = scene.word === 'cancel';
  const state = isCancelled ? 'cancelled' : 'completed';
  const { created = 0, updated = 0, ...rest } = await stand.conserved(scene.name, { result, state });
  // Killed before it could note that the request had left: CXone has the contacts, and nobody can tell who created them.
  const untold = await countUntold(stand, scene, 'updated');
  const counts = isCancelled ? rest : { ...rest, created: created + untold, updated: updated - untold };
  expect(counts, `killed at ${scene.point}`).toEqual(isCancelled ? CANCELLED : WHOLE);
  expect([0, 3, 98, 100], 'of one batch at most').toContain(untold);
}
