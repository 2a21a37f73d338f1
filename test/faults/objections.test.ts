/**
 * Objections while an import runs and its worker is killed: from the commit of an objection on, at most the requests in flight
 * then still carry the person (docs/consent.md#our-own-suppression-list).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Processes } from '../harness/processes.ts';
import { useProcesses } from '../harness/processes.ts';
import { inPhase, LIST, onStand, randomOf, type Stand, seedOf, until } from './stand.ts';
import { startWitness, type Witness } from './witness.ts';

const POSTS = 'POST /api/v2/contactlists/:listId/records';
const IN_FLIGHT = 4;
const ENV = { CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };

const guid = (n: number): string => `0b1c2d3e-0000-4000-8000-${String(n).padStart(12, '0')}`;
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const contact = (n: number) => ({
  contactId: guid(n),
  phoneNumbers: [{ type: 'mobile', number: `+1415${String(2_000_000 + n)}` }],
  customFields: {},
  consentTimestamp: new Date(Date.now() - 86_400_000).toISOString(),
  optInStatus: 'confirmed' as const,
});

const objection = (n: number) => ({
  contactId: guid(n),
  channel: 'voice',
  optIn: false,
  consentTimestamp: '2025-02-01T00:00:00Z',
  withdrawalTimestamp: '2025-03-01T00:00:00Z',
  regulatoryRegion: 'TCPA',
  source: 'fault-test',
});

async function startImport(stand: Stand, people: number, input: Partial<ContactImportInput> = {}) {
  const { source } = await stand.client().stageRows(upTo(people).map(contact));
  const { runId } = await stand.client().startContactImport({ listId: LIST, source, ...input });
  return runId;
}

/** All of them at once: they are fewer than a chunk of rows. The run then waits for an approval that never comes. */
async function startObjections(stand: Stand, people: readonly number[]): Promise<string> {
  const { source } = await stand.client().stageRows(people.map(objection));
  const { runId } = await stand.client().startPreferenceUpdate({ source, approval: true });
  return runId;
}

interface Scene {
  readonly stand: Stand;
  readonly witness: Witness;
  readonly random: (least: number, most: number) => number;
  /** A worker that speaks to CXone through the witness. */
  readonly readyWorker: () => ReturnType<Stand['readyWorker']>;
}

/** Everyone in one of `waves` waves objects, while the worker is killed. Returns the runs that have staged them. */
async function objectUnderKills(scene: Scene, people: number, waves: number): Promise<string[]> {
  const { stand, witness, random, readyWorker } = scene;
  const runIds: string[] = [];
  let worker = await readyWorker();
  for (const wave of upTo(waves)) {
    const wanted = witness.passed() + 2 * IN_FLIGHT;
    witness.permit(2 * IN_FLIGHT);
    await until(witness.passed, (passed) => passed >= wanted);
    const objecting = upTo(people).filter((n) => n % (waves + 1) === wave);
    const runId = await startObjections(stand, objecting);
    // Some more leave before, while or after they are staged.
    witness.permit(random(0, 3 * IN_FLIGHT));
    await delay(random(0, 600));
    await worker.kill();
    worker = await readyWorker();
    await inPhase(stand, runId, 'awaiting_approval');
    runIds.push(runId);
  }
  return runIds;
}

async function onScene(processes: Processes, defaultSeed: number, act: (scene: Scene) => Promise<void>) {
  const seed = seedOf(defaultSeed);
  const random = randomOf(seed);
  await onStand(processes, { seed, latencyMs: 50, env: ENV }, async (stand) => {
    const witness = await startWitness(stand.simulatorUrl, stand.databaseUrl, stand.client().ledger);
    try {
      const readyWorker = () => stand.readyWorker({ CXONE_API_URL: witness.url });
      await act({ stand, witness, random, readyWorker });
    } finally {
      await witness.close();
    }
  });
}

/** Of each wave what was in flight; nothing of the person who was erased, whose batch was far from being sent. */
function expectBounded({ witness }: Scene, waves: number, erased: string): void {
  const waveOf = (id: string) => (id === erased ? 'erased' : Number(id.slice(-12)) % (waves + 1));
  const countLate = (wave: number | string): number =>
    witness.late().filter((people) => people.some((id) => waveOf(id) === wave)).length;
  for (const wave of upTo(waves))
    expect(
      countLate(wave),
      `requests that carried somebody of ${wave} after the objections were committed`,
    ).toBeLessThanOrEqual(IN_FLIGHT);
  expect(countLate('erased'), 'requests that carried the person after the erasure').toBe(0);
}

const WAVES = 3;

describe.concurrent('objections during an import whose worker is killed', () => {
  const processes = useProcesses();
  it('reach the people of at most the requests in flight', async () => {
    await onScene(processes, 81, async (scene) => {
      const { stand, witness } = scene;
      const people = 7_000;
      const runId = await startImport(stand, people);
      await objectUnderKills(scene, people, WAVES);
      // Nobody of a wave, and not sent yet: fewer requests were permitted than there are batches.
      const erased = guid(people - 1);
      await stand.client().erase({ contactId: `{${erased.toUpperCase()}}` });
      witness.permit(Infinity);
      const result = await stand.ended(runId);
      expectBounded(scene, WAVES, erased);
      expect(result.counts.suppressed, 'people whose objection came in time').toBeGreaterThan(1_000);
      await stand.conserved(runId, { result });
    });
  });
});

describe.concurrent('objections during updates of contacts whose worker is killed', () => {
  const processes = useProcesses();
  it('reach the people of at most the requests in flight, although an update has many', async () => {
    await onScene(processes, 82, async (scene) => {
      const { stand, witness, readyWorker } = scene;
      const people = 1_000;
      await stand.admin.seedList(LIST, upTo(people).map(contact));
      const runId = await startImport(stand, people, { existing: 'update' });
      // Were the answer to such a batch lost, its repetition could not show whether it had been applied.
      const batches = people / 100;
      witness.permit(batches);
      const first = await readyWorker();
      await until(stand.admin.stats, ({ requests }) => requests[POSTS]?.['409'] === batches);
      await first.terminate();
      await objectUnderKills(scene, people, WAVES);
      const erased = guid(people - 1);
      await stand.client().erase({ contactId: erased });
      witness.permit(Infinity);
      const result = await stand.ended(runId);
      expectBounded(scene, WAVES, erased);
      expect(result.counts.suppressed, 'people whose objection came in time').toBeGreaterThan(50);
      await stand.conserved(runId, { result });
    });
  });
});
