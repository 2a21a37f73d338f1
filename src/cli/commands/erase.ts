/** `cxflow erase`: takes one person out of the ledger, and says what it did. */
import type { ErasureResult } from '../../contract/consent.ts';
import { type Cli, type Output, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { plural, printable } from '../terminal/format.ts';
import type { Session } from '../session.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export interface EraseOptions {
  readonly contact: string;
  readonly requestedBy: string;
  readonly json?: boolean;
}

const ID = 'a1b2c3d4-e5f6-7890-abcd-ef1234567890';

export const addErase: AddCommand = (parent, cli, finish) => {
  parent
    .command('erase')
    .summary('take one person out of the ledger; their objection stays, as a keyed hash')
    .description(
      'Empties the staged rows of one person in all runs, deletes the files that were handed over and name them, and\n' +
        'drops the key of their proof of consent, so that nobody can read it any more. It cannot be undone.\n' +
        'What stays: on every channel the objection, as a keyed hash; counts; the audit, which never named anybody.\n' +
        'Rows that a run still needs are left alone and named (exit code 3): erase again once it has ended.\n' +
        "CXone's own data are not touched.",
    )
    .requiredOption('--contact <id>', 'the contact id')
    .option('--requested-by <name>', 'who asks for it', cli.login)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [[`erase --contact ${ID}`, 'at the request of this person']]))
    .action(async (options: EraseOptions) => finish(await erase(cli, options)));
};

/** Errors: InputError, Unreachable, NotDone. */
export async function erase(
  cli: Cli,
  { contact, requestedBy, json = false }: EraseOptions,
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const erased = await (await session.client()).erase({ contactId: contact, requestedBy });
    const output = outputOf(cli, json);
    tellErased(erased, output);
    if (erased.waitingFor.length > 0) tellWaiting(await statesOf(session, erased.waitingFor), cli, output);
    if (json) writeJson(cli, erased);
    return erased.waitingFor.length > 0 ? EXIT.needsALook : EXIT.ok;
  });
}

interface WaitingFor {
  readonly runId: string;
  readonly state: string;
}

async function statesOf({ ledger }: Session, runIds: readonly string[]): Promise<readonly WaitingFor[]> {
  return Promise.all(
    runIds.map(async (runId) => ({ runId, state: (await ledger.runs.find(runId))?.state ?? 'unknown' })),
  );
}

function tellErased(erased: ErasureResult, { say }: Output): void {
  const { records, runs, datasets, proof, events, suppressed } = erased;
  say(`emptied: ${plural(records, 'staged row')} in ${plural(runs.length, 'run')}`);
  say(`deleted: ${plural(datasets, 'handed-over file')}, the request to erase among them`);
  say(`keyed away: ${plural(proof, 'entry')} of the proof of consent`);
  say(`silenced: ${plural(events, 'delivered CRM event')}`);
  say(`kept, as a keyed hash: the objection on ${suppressed.join(', ')}`);
  say(
    "not touched: what CXone has, backups of the ledger, and Temporal's history, which holds the id of single checks " +
      'until it is retired',
  );
}

function tellWaiting(runs: readonly WaitingFor[], { command }: Cli, { say, colors }: Output): void {
  const names = runs.map(({ runId }) => printable(runId)).join(', ');
  say(colors.yellow(`left alone: rows that are, or may be, still needed by ${names}`));
  for (const line of waitingLines(runs, command)) say(line);
}

/** Pure. A closed workflow can be neither waited for nor cancelled: its next start finds out what became of its writes. */
export function waitingLines(runs: readonly WaitingFor[], command: string): readonly string[] {
  const failed = runs.filter(({ state }) => state === 'failed');
  return [
    ...(failed.length < runs.length ? [`  → let it end, or \`${command} cancel\` it, and erase again`] : []),
    ...failed.map(
      ({ runId }) =>
        `  → ${printable(runId)} failed with writes unanswered: start it again, which settles them, and erase again`,
    ),
  ];
}
