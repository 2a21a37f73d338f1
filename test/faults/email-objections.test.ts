/**
 * Objections during an email send whose worker is killed: once an objection is committed, at most the requests in flight at that
 * moment still contain the person (docs/email-send.md#sending).
 */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useProcesses } from '../harness/processes.ts';
import { addressOf, EMAIL_ENV, expectNobodyTwice, guidOf, startSend } from './emails.ts';
import { answered, chooseSeed, createRandom, onStand, type Stand, until } from './stand.ts';
import { startWitness, type Witness } from './witness.ts';

const RUN = 'objected';
const PEOPLE = 700;
const IN_FLIGHT = 4;
const ENV = { ...EMAIL_ENV, CXFLOW_MAX_IN_FLIGHT: String(IN_FLIGHT) };
/** A quarter of the people objects in each, and a quarter never. */
const WAVES = [0, 1, 2] as const;
const KILLED_IN = 1;

const everybody = Array.from({ length: PEOPLE }, (_, n) => n);
const contactId = (n: number): string => guidOf(addressOf(RUN, n));
const idsOfWave = (wave: number): string[] =>
  everybody.filter((n) => n % (WAVES.length + 1) === wave).map(contactId);
const recipientsOf = (body: string): string[] =>
  [...body.matchAll(/"toAddress":"([^"]+)"/g)].map(([, address = '']) => guidOf(address));

async function object(stand: Stand, ids: readonly string[]): Promise<void> {
  const since = new Date().toISOString();
  await stand.client().ledger.suppressions.add(
    ids.map((id) => ({ contactId: id, channel: 'email', reason: 'fault-test', since })),
    null,
  );
}

/** Two lost answers in a row pause the run: a person looks at it and lets it go on. */
async function goesOn(stand: Stand): Promise<void> {
  const { phase } = await answered(() => stand.client().progress(RUN));
  if (phase === 'paused') await stand.client().decide(RUN, { action: 'resume', by: 'dana' });
}

async function untilPassed(stand: Stand, witness: Witness, requests: number): Promise<void> {
  await until(
    async () => {
      await goesOn(stand);
      return witness.passed();
    },
    (passed) => passed >= requests,
  );
}

describe.concurrent('objections during an email send whose worker is killed', () => {
  const processes = useProcesses();

  it('come too late for at most the requests in flight', async () => {
    const seed = chooseSeed(84);
    const random = createRandom(seed);
    await onStand(processes, { seed, latencyMs: 20, env: ENV }, async (stand) => {
      const { ledger } = stand.client();
      const witness = await startWitness(stand.simulatorUrl, stand.databaseUrl, ledger, recipientsOf);
      try {
        const readyWorker = () => stand.readyWorker({ CXONE_API_URL: witness.url });
        const worker = await readyWorker();
        await startSend(stand.client(), {
          name: RUN,
          rows: PEOPLE,
          input: { pollDeadline: '1s', retries: 0 },
        });
        for (const wave of WAVES) {
          const wanted = witness.passed() + 2 * IN_FLIGHT;
          witness.permit(2 * IN_FLIGHT);
          await untilPassed(stand, witness, wanted);
          // Some more requests leave before, while and after the people object.
          witness.permit(random(0, 3 * IN_FLIGHT));
          await delay(random(0, 300));
          await object(stand, idsOfWave(wave));
          if (wave !== KILLED_IN) continue;
          await worker.kill();
          await readyWorker();
        }
        witness.permit(Infinity);
        await until(
          async () => {
            await goesOn(stand);
            return stand.client().progress(RUN);
          },
          ({ phase }) => phase === 'in_doubt',
        );
        await stand.client().decide(RUN, { action: 'resolve', verdict: 'leave', by: 'dana' });
        const result = await stand.ended(RUN);
        for (const wave of WAVES) {
          const ids = new Set(idsOfWave(wave));
          const late = witness.late().filter((people) => people.some((id) => ids.has(id)));
          expect(
            late.length,
            `requests to people of wave ${wave} after their objections were committed`,
          ).toBeLessThanOrEqual(IN_FLIGHT);
        }
        expect(result.counts.suppressed, 'people whose objections came in time').toBeGreaterThan(200);
        expect(result.counts.in_doubt, 'in flight when the worker was killed').toBeGreaterThan(0);
        await expectNobodyTwice(stand, RUN);
        await stand.conserved(RUN, { result, isSuppressedLater: true });
      } finally {
        await witness.close();
      }
    });
  });
});
