/** `cxflow approve | reject | cancel | pause | resume | resolve RUN`: a person's word for a run. */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { type CxflowClient, DecisionRefused, RunNotFound } from '../../client.ts';
import type { Answers, Decision, Progress, SteeringAction } from '../../contract/steering.ts';
import { isObject } from '../../domain/json.ts';
import { type Cli, outputOf, withSession, writeJson } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { shellQuote, spaced } from '../terminal/format.ts';
import type { Session } from '../session.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export interface DecisionOptions {
  readonly by: string;
  readonly reason?: string;
  readonly plan?: string;
  readonly resend?: boolean;
  readonly leave?: boolean;
  readonly write?: string;
  readonly mine?: boolean;
  readonly theirs?: boolean;
  readonly answers?: string;
  readonly seen?: string;
  readonly json?: boolean;
}

interface Words {
  readonly summary: string;
  readonly description: string;
  readonly done: string;
  readonly example: readonly [string, string];
}

const WORDS: Readonly<Record<SteeringAction, Words>> = {
  approve: {
    summary: 'approve the plan of a run that waits for it',
    description: 'Approves a plan: the run begins to write. With --plan only the plan that you saw.',
    done: 'approved',
    example: ['approve RUN --plan 3f9a0c1d2e4b5a67', 'the plan with this hash, and no other'],
  },
  reject: {
    summary: 'reject the plan of a run that waits for approval',
    description: 'Rejects a plan: nothing is written, and the run ends.',
    done: 'rejected',
    example: ['reject RUN --reason "the wrong file"', 'the reason stands in the audit'],
  },
  cancel: {
    summary: 'stop a run for good',
    description:
      'Cancels a run: no new batch starts, those in flight are settled, the rest becomes `cancelled`.',
    done: 'cancelled: what is in flight is settled, the rest is left',
    example: ['cancel RUN --reason "campaign called off"', 'what was written stays written'],
  },
  pause: {
    summary: 'pause a run',
    description: 'Pauses a run: no new batch starts until `resume`.',
    done: 'paused',
    example: ['pause RUN', 'go on with `resume RUN`'],
  },
  resume: {
    summary: 'let a paused run go on',
    description: 'Lets a paused run go on.',
    done: 'resumed',
    example: ['resume RUN', 'from where it was'],
  },
  resolve: {
    summary: 'decide about writes in doubt, or about conflicts of a selection',
    description:
      'Decides about writes whose answer never came: send them again, or leave their records in doubt and go on.\n' +
      'Or about a selection that somebody else changed, too: ours, theirs, or place by place; `show RUN` lists them.',
    done: 'resolved',
    example: ['resolve RUN --leave --write 17', 'this one only; `show RUN` lists them'],
  },
};

const addDecision =
  (action: SteeringAction): AddCommand =>
  (parent, cli, finish) => {
    const { summary, description, example } = WORDS[action];
    const command = parent
      .command(action)
      .summary(summary)
      .description(description)
      .argument('<run>', 'id of the run')
      .option('--by <name>', 'who decides', cli.login)
      .option('--reason <text>', 'why; it stands in the audit, so no personal data');
    if (action === 'approve')
      command.option('--plan <hash>', 'the plan that you saw (default: the one now shown)');
    if (action === 'resolve') {
      command
        .addOption(new Option('--resend', 'send them again').conflicts('leave'))
        .option('--leave', 'leave their records in doubt')
        .option('--write <id>', 'only this one (default: all in doubt)')
        .option('--mine', 'in every conflict our change counts')
        .option('--theirs', 'in every conflict theirs counts')
        .option('--answers <json|file>', 'for each place: {"lists/L1": "mine", "priorityOrder": "theirs"}')
        .option(
          '--seen <hashes>',
          'the conflicts that you saw, as `show RUN` names them (default: the ones now shown)',
        );
    }
    command
      .option('--json', JSON_HELP)
      .addHelpText(
        'after',
        examples(cli, [example, [`${action} RUN --by dana --json`, 'in another name, for a script']]),
      )
      .action(async (runId: string, options: DecisionOptions) =>
        finish(await decide(cli, action, runId, options)),
      );
  };

export const addApprove = addDecision('approve');
export const addReject = addDecision('reject');
export const addCancel = addDecision('cancel');
export const addPause = addDecision('pause');
export const addResume = addDecision('resume');
export const addResolve = addDecision('resolve');

/** Errors: UsageError, RunNotFound, DecisionRefused, NoWorkerAnswered. */
export async function decide(
  cli: Cli,
  action: SteeringAction,
  runId: string,
  options: DecisionOptions,
): Promise<ExitCode> {
  const decision = toDecision(action, options);
  return withSession(cli, async (session) => {
    const client = await session.client();
    const progress = await send(client, runId, decision).catch(async (error: unknown) => {
      throw await endedOrUnknown(session, runId, action, error);
    });
    const { say, colors } = outputOf(cli, options.json);
    // What an answer leads to is seen a moment later.
    const now = action === 'resolve' ? '' : ` (now ${spaced(progress.phase)})`;
    say(`${colors.green(WORDS[action].done)}: ${runId}${now}`);
    say(`follow it: ${cli.command} watch ${shellQuote(runId)}`);
    if (options.json) writeJson(cli, progress);
    return EXIT.ok;
  });
}

const send = (client: Pick<CxflowClient, 'decide'>, runId: string, decision: Decision): Promise<Progress> =>
  client.decide(runId, decision);

/** Pure. Errors: UsageError. */
export function toDecision(action: SteeringAction, options: DecisionOptions): Decision {
  const { by, reason, plan, write } = options;
  return {
    action,
    by,
    ...(reason !== undefined && { reason }),
    ...(plan !== undefined && { planHash: plan }),
    ...(write !== undefined && { writeId: write }),
    ...(action === 'resolve' && resolutionOf(options)),
  };
}

/** Errors: UsageError unless exactly one thing was said. */
function resolutionOf(options: DecisionOptions): Pick<Decision, 'verdict' | 'answers' | 'seen'> {
  const { mine = false, theirs = false, answers } = options;
  const seen = options.seen === undefined ? {} : { seen: options.seen.split(',').map((hash) => hash.trim()) };
  const said = [mine, theirs, answers !== undefined].filter(Boolean).length;
  if (said === 0) return { verdict: verdictOf(options) };
  if (said > 1 || options.resend || options.leave) throw new UsageError(ONE_WORD);
  if (answers === undefined) return { answers: mine ? 'mine' : 'theirs', ...seen };
  return { answers: readAnswers(answers), ...seen };
}

const ONE_WORD =
  'say --resend or --leave (writes in doubt), or one of --mine, --theirs and --answers (conflicts)';

function readAnswers(given: string): Answers {
  const text = given.trimStart().startsWith('{') ? given : readFile(given);
  try {
    const answers: unknown = JSON.parse(text);
    if (isObject(answers) && Object.values(answers).every((side) => side === 'mine' || side === 'theirs'))
      return answers as Answers;
  } catch {
    // Said below.
  }
  throw new UsageError('--answers must be JSON {"<place>": "mine" | "theirs"}, or a file with it');
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`--answers ${path}: cannot be read`);
  }
}

function verdictOf({ resend = false, leave = false }: DecisionOptions): 'resend' | 'leave' {
  if (resend === leave) throw new UsageError(ONE_WORD);
  return resend ? 'resend' : 'leave';
}

/** Temporal knows no open workflow of that id: then the run may have ended, and that is another answer. */
async function endedOrUnknown(
  session: Session,
  runId: string,
  action: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof RunNotFound)) return error;
  const run = await session.ledger.runs.find(runId);
  if (!run || run.state === 'running') return error;
  return new DecisionRefused(`${runId} has ended (${run.state}); there is nothing left to ${action}`);
}
