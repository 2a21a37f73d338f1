/** The example services, started as their reader would start them: with the built package, approved from elsewhere. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { nightlyImport } from '../../examples/nightly-import.ts';
import { useProcesses } from '../harness/processes.ts';
import { ROOT } from '../harness/texts.ts';
import { endOf, runIdIn, useStand } from './stand.ts';

const onStand = useStand();
const processes = useProcesses();

/** Of `node`, in the command that the head of an example prints. */
function printedArguments(example: string, values: Readonly<Record<string, string>> = {}): readonly string[] {
  const text = readFileSync(join(ROOT, 'examples', example), 'utf8');
  const [, command] = /^ \*     (?:[A-Z_]+=\S+ )*node (.+)$/m.exec(text) ?? [];
  if (command === undefined) throw new Error(`${example} prints no command`);
  return command.split(' ').map((argument) => values[argument] ?? argument);
}

it('a service stages rows, waits for an approval, continues after it was killed, and reads what was not imported', async () => {
  await onStand({}, async ({ env, cxflow, client, conserved }) => {
    const start = () =>
      processes.run(process.execPath, printedArguments('nightly-import.ts', { LIST: 'L1' }), {
        env,
        cwd: ROOT,
      });
    const first = start();
    await first.waitFor(/approve it with/);
    const runId = runIdIn(first.output());
    await first.kill();
    const second = start();
    await second.waitFor(/is already executing/);
    await cxflow(['approve', runId, '--by', 'dana']);
    const ended = await endOf(second);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toContain('249 created, 0 updated, 0 unchanged, of 250');
    expect(ended.stdout).toContain('crm-13: invalid, phone_not_e164');
    const third = await endOf(start());
    expect(third.stdout).toContain('has already ended');
    expect(third.code).toBe(0);
    await conserved(runId);
    const printed: string[] = [];
    const withoutChanges = {
      cxflow: client,
      listId: 'L1',
      contacts: nobody(),
      print: (line: string) => printed.push(line),
    };
    expect(await nightlyImport(withoutChanges), 'exit code if there is nothing to import').toBe(0);
    expect(printed).toEqual(['no contact has changed, so there is nothing to import']);
  });
});

it('a service sends an email, is killed, and nobody is sent it twice; it reads whose address does not exist', async () => {
  await onStand({}, async ({ env, admin, client }) => {
    await admin.setEmailPlan({
      recipients: [{ address: '@gone[.]example$', does: 'hard', bounceCode: '5.1.1' }],
    });
    const start = () =>
      processes.run(process.execPath, printedArguments('renewal-email.ts'), { env, cwd: ROOT });
    const first = start();
    await first.waitFor(/run .* \(started\): 120 customers/);
    const runId = runIdIn(first.output());
    await first.kill();
    const ended = await endOf(start());
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toContain('120 of 120 were sent the message, 119 have it');
    expect(ended.stdout).toContain(
      '00000000-0000-4000-8000-000000000007: the address does not exist (5.1.1)',
    );
    const accepted = (await admin.acceptedEmails()).map(({ toAddress }) => toAddress);
    expect(accepted).toHaveLength(120);
    expect(new Set(accepted).size).toBe(120);
    const { run_no: runNo } = await client.ledger.runs.get(runId);
    expect(await client.ledger.runs.exactCounts(runNo)).toEqual({ total: 120, pending: 0, sent: 120 });
    expect((await endOf(start())).stdout, 'started once more').toContain('119 have it');
  });
});

async function* nobody(): AsyncIterable<never> {
  await Promise.resolve();
  yield* [];
}
