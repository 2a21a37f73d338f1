/** Erases a data subject from the ledger and prints what was erased and what was kept. */
import type { ErasureResult } from '../../contract/consent.ts';
import { plural } from '../../domain/numbers.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { confirm, requireTerminal } from '../confirm.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { announceWait } from '../terminal/announce-wait.ts';
import { type Output, openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

export interface EraseOptions {
  readonly contact: string;
  readonly requestedBy: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Throws InputError, UsageError, Unreachable, NotDone. */
export async function erase(cli: Cli, options: EraseOptions): Promise<ExitCode> {
  const { contact, requestedBy, dryRun = false, yes = false, json = false } = options;
  if (!dryRun) requireTerminal(cli, { yes, what: 'an erasure' });
  return withSession(cli, async (session) => {
    const client = await session.client();
    const output = openOutput(cli, json);
    if (dryRun || !yes) {
      const previewing = client.previewErasure({ contactId: contact });
      const preview = await announceWait(previewing, cli, 'waiting for a worker to find the contact …');
      output.print('This would be erased:');
      await printOutcome(preview, { cli, session, output });
      if (dryRun || !(await confirm(cli, 'Erase all of it for good?', output))) {
        if (!dryRun) output.print('nothing was erased');
        if (json) printJson(cli, { ...preview, dryRun: true });
        return dryRun ? EXIT.ok : EXIT.stopped;
      }
    }
    const erasing = client.erase({ contactId: contact, requestedBy });
    const erased = await announceWait(erasing, cli, 'waiting for a worker to erase the contact …');
    await printOutcome(erased, { cli, session, output });
    if (json) printJson(cli, erased);
    return erased.waitingFor.length > 0 ? EXIT.needsAttention : EXIT.ok;
  });
}

interface Context {
  readonly cli: Cli;
  readonly session: Session;
  readonly output: Output;
}

async function printOutcome(erased: ErasureResult, { cli, session, output }: Context): Promise<void> {
  printErased(erased, output);
  if (erased.waitingFor.length === 0) return;
  printWaitingFor(await readStates(session, erased.waitingFor), cli, output);
}

interface RunState {
  readonly runId: string;
  readonly state: string;
}

async function readStates({ ledger }: Session, runIds: readonly string[]): Promise<readonly RunState[]> {
  return Promise.all(
    runIds.map(async (runId) => ({ runId, state: (await ledger.runs.find(runId))?.state ?? 'unknown' })),
  );
}

function printErased(erased: ErasureResult, { print }: Output): void {
  const { records, runs, datasets, proof, events, suppressed } = erased;
  print(`cleared:     ${plural(records, 'staged row')} in ${plural(runs.length, 'run')}`);
  print(`deleted:     ${plural(datasets, 'staged file')}`);
  print(`unreadable:  ${plural(proof, 'entry')} of the proof of consent, whose key is deleted`);
  print(`redacted:    ${plural(events, 'delivered event')}`);
  print(`kept:        the objection on ${suppressed.join(', ')}, as a keyed hash`);
  print('not erased:  data in CXone, backups of the ledger, and contact ids in the Temporal');
  print('             history of single eligibility checks until its retention period ends');
}

function printWaitingFor(runs: readonly RunState[], { command }: Cli, { print, colors }: Output): void {
  const names = runs.map(({ runId }) => printable(runId)).join(', ');
  print(colors.yellow(`kept for now: rows that may still be needed by ${names}`));
  for (const line of renderWaitingFor(runs, command)) print(line);
}

/** A failed run has ended, so it cannot be cancelled; starting it again settles its unanswered writes. */
export function renderWaitingFor(runs: readonly RunState[], command: string): readonly string[] {
  const failed = runs.filter(({ state }) => state === 'failed');
  return [
    ...(failed.length < runs.length
      ? [`  → wait until they have ended, or \`${command} cancel\` them, then erase again`]
      : []),
    ...failed.map(
      ({ runId }) =>
        `  → ${printable(runId)} failed with unanswered writes: start it again to settle them, then erase again`,
    ),
  ];
}
