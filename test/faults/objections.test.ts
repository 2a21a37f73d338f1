/**
 * Objections during a run whose worker is killed: once an objection is committed, at most the requests in flight at that moment
 * still contain the contact (docs/consent.md#our-own-suppression-list).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ContactImportInput } from '../../src/contract/contact-import.ts';
import type { Processes } from '../harness/processes.ts';
import { useProcesses } from '../harness/processes.ts';
import { chooseSeed, createRandom, LIST, onStand, type Stand, until, untilPhase } from './stand.ts';
import { startWitness, type Witness } from './witness.ts';

const POSTS = 'POST /api/v2/contactlists/:listId/records';
const IN_FLIGHT = 4;
const ENV = {
  CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT),
  CXFLOW_LIST_ITEMS_PER_BATCH: '50',
  CXFLOW_LIST_INTERVAL_MS: '0',
};

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

/** Starts a preference update that stages the objections in one chunk, and then waits for an approval that never comes. */
async function startObjections(stand: Stand, people: readonly number[]): Promise<string> {
  const { source } = await stand.client().stageRows(people.map(objection));
  const { runId } = await stand.client().startPreferenceUpdate({ source, approval: true });
  return runId;
}

interface Setup {
  readonly stand: Stand;
  readonly witness: Witness;
  readonly random: (least: number, most: number) => number;
  /** Starts a worker that sends its requests through the witness. */
  readonly readyWorker: () => ReturnType<Stand['readyWorker']>;
}

/** In each wave some contacts object while the worker is killed. Returns the runs that staged the objections. */
async function objectUnderKills(setup: Setup, people: number, waves: number): Promise<string[]> {
  const { stand, witness, random, readyWorker } = setup;
  const runIds: string[] = [];
  let worker = await readyWorker();
  for (const wave of upTo(waves)) {
    const wanted = witness.passed() + 2 * IN_FLIGHT;
    witness.permit(2 * IN_FLIGHT);
    await until(witness.passed, (passed) => passed >= wanted);
    const objecting = upTo(people).filter((n) => n % (waves + 1) === wave);
    const runId = await startObjections(stand, objecting);
    // Some more requests leave before, while or after the objections are staged.
    witness.permit(random(0, 3 * IN_FLIGHT));
    await delay(random(0, 600));
    await worker.kill();
    worker = await readyWorker();
    await untilPhase(stand, runId, 'awaiting_approval');
    runIds.push(runId);
  }
  return runIds;
}

async function withWitness(processes: Processes, defaultSeed: number, act: (setup: Setup) => Promise<void>) {
  const seed = chooseSeed(defaultSeed);
  const random = createRandom(seed);
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

/** At most what was in flight for each wave, and nothing for the erased contact, whose batch was not due yet. */
function expectBounded({ witness }: Setup, waves: number, erased: string, inFlight = IN_FLIGHT): void {
  const waveOf = (id: string) => (id === erased ? 'erased' : Number(id.slice(-12)) % (waves + 1));
  const countLate = (wave: number | string): number =>
    witness.late().filter((people) => people.some((id) => waveOf(id) === wave)).length;
  for (const wave of upTo(waves))
    expect(
      countLate(wave),
      `requests with contacts of wave ${wave} after their objections were committed`,
    ).toBeLessThanOrEqual(inFlight);
  expect(countLate('erased'), 'requests with the erased contact').toBe(0);
}

const WAVES = 3;

describe.concurrent('objections during an import whose worker is killed', () => {
  const processes = useProcesses();
  it('come too late for at most the requests in flight', async () => {
    await withWitness(processes, 81, async (setup) => {
      const { stand, witness } = setup;
      const people = 7_000;
      const runId = await startImport(stand, people);
      await objectUnderKills(setup, people, WAVES);
      // The last contact is in no wave and has not been sent: fewer requests were permitted than there are batches.
      const erased = guid(people - 1);
      await stand.client().erase({ contactId: `{${erased.toUpperCase()}}` });
      witness.permit(Infinity);
      const result = await stand.ended(runId);
      expectBounded(setup, WAVES, erased);
      expect(result.counts.suppressed, 'contacts whose objections came in time').toBeGreaterThan(1_000);
      await stand.conserved(runId, { result });
    });
  });
});

describe.concurrent('objections during updates of contacts whose worker is killed', () => {
  const processes = useProcesses();
  it('come too late for at most the requests in flight, although every contact takes one', async () => {
    await withWitness(processes, 82, async (setup) => {
      const { stand, witness, readyWorker } = setup;
      const people = 1_000;
      await stand.admin.seedList(LIST, upTo(people).map(contact));
      const runId = await startImport(stand, people, { existing: 'update' });
      // Let CXone refuse all batches first. If such an answer were lost, a repetition could not show what had been applied.
      const batches = people / 100;
      witness.permit(batches);
      const first = await readyWorker();
      await until(stand.admin.stats, ({ requests }) => requests[POSTS]?.['409'] === batches);
      await first.terminate();
      await objectUnderKills(setup, people, WAVES);
      const erased = guid(people - 1);
      await stand.client().erase({ contactId: erased });
      witness.permit(Infinity);
      const result = await stand.ended(runId);
      expectBounded(setup, WAVES, erased);
      expect(result.counts.suppressed, 'contacts whose objections came in time').toBeGreaterThan(50);
      await stand.conserved(runId, { result });
    });
  });
});

describe.concurrent('objections during a list load whose worker is killed', () => {
  const processes = useProcesses();
  it('come too late for at most the one request in flight', async () => {
    await withWitness(processes, 83, async (setup) => {
      const { stand, witness } = setup;
      const people = 4_000;
      const rows = upTo(people).map((n) => ({
        contact_id: guid(n),
        phone_number: `+1415${String(2_000_000 + n)}`,
      }));
      const { source } = await stand.client().stageRows(rows);
      const { runId } = await stand.client().startListLoad({ listId: LIST, campaignId: 'C1', source });
      await objectUnderKills(setup, people, WAVES);
      // Of equal scores the last line comes last, and fewer requests were permitted than there are batches.
      const erased = guid(people - 1);
      await stand.client().erase({ contactId: erased });
      witness.permit(Infinity);
      const result = await stand.ended(runId);
      expectBounded(setup, WAVES, erased, 1);
      expect(result.counts.suppressed, 'people whose objections came in time').toBeGreaterThan(500);
      await stand.conserved(runId, { result });
    });
  });
});
