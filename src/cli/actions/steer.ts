/** Sends an operator's decision to a run. */
import { type Answers, type Decision, isGivenSide, type SteeringAction } from '../../contract/steering.ts';
import { omitUndefined } from '../../domain/absent.ts';
import { isObject } from '../../domain/json.ts';
import { type Cli, LATEST, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { announceWait } from '../terminal/announce-wait.ts';
import { shellQuote, spaced } from '../terminal/format.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { findRunId } from './find-run.ts';
import { parseJsonText } from './json-file.ts';
import { readJsonInput } from './standard-input.ts';

export interface SteeringOptions {
  readonly by: string;
  readonly reason?: string;
  readonly plan?: string;
  readonly whenPlanned?: boolean;
  readonly resend?: boolean;
  readonly leave?: boolean;
  readonly write?: string;
  readonly mine?: boolean;
  /** The same as `mine`. */
  readonly ours?: boolean;
  readonly theirs?: boolean;
  readonly answers?: string;
  readonly seen?: string;
  readonly json?: boolean;
}

const CONFIRMATIONS: Readonly<Record<SteeringAction, string>> = {
  approve: 'approved',
  reject: 'rejected',
  cancel: 'cancelled; what was claimed before is still settled',
  pause: 'paused',
  resume: 'resumed',
  resolve: 'resolved',
};

const NOT_LATEST =
  'the latest run may be another one than you have looked at: name the run, or add --plan with the hash of its plan (show RUN prints it)';

/** Throws UsageError, RunNotFound, DecisionRefused, NoWorkerAnswered. */
export async function steer(
  cli: Cli,
  action: SteeringAction,
  given: string,
  options: SteeringOptions,
): Promise<ExitCode> {
  if (action === 'approve' && given === LATEST && options.plan === undefined)
    throw new UsageError(NOT_LATEST);
  const decision = await toDecision(cli, action, options);
  return withSession(cli, async (session) => {
    const runId = await findRunId(cli, session, given);
    const client = await session.client();
    const deciding = client.decide(runId, decision);
    const progress = await announceWait(deciding, cli, `waiting for run ${runId} to answer …`);
    const { print, colors } = openOutput(cli, options.json);
    // The phase changes only a moment after a resolution or a cancellation.
    const phase = action === 'resolve' || action === 'cancel' ? '' : ` (now ${spaced(progress.phase)})`;
    const done = progress.keptApproval
      ? 'approved in advance; kept until there is a plan'
      : CONFIRMATIONS[action];
    print(`${colors.green(done)}: ${runId}${phase}`);
    print(`follow it: ${cli.command} watch ${shellQuote(runId)}`);
    if (options.json) printJson(cli, progress);
    return EXIT.ok;
  });
}

/** Throws UsageError. */
async function toDecision(cli: Cli, action: SteeringAction, options: SteeringOptions): Promise<Decision> {
  const { by, reason, plan, whenPlanned, write } = options;
  return {
    action,
    by,
    ...omitUndefined({ reason, planHash: plan, whenPlanned, writeId: write }),
    ...(action === 'resolve' && (await toResolution(cli, options))),
  };
}

const ONE_RESOLUTION =
  'add --resend or --leave for writes in doubt, or one of --mine, --theirs and --answers for conflicts';

/** Throws UsageError unless the options contain exactly one resolution. */
async function toResolution(
  cli: Cli,
  options: SteeringOptions,
): Promise<Pick<Decision, 'verdict' | 'answers' | 'seen'>> {
  const { ours = false, mine = ours, theirs = false, resend = false, leave = false, answers } = options;
  const given = [resend, leave, mine, theirs, answers !== undefined].filter(Boolean);
  if (given.length !== 1) throw new UsageError(ONE_RESOLUTION);
  if (resend || leave) return { verdict: resend ? 'resend' : 'leave' };
  const seen = options.seen?.split(',').map((hash) => hash.trim());
  const side = mine ? 'mine' : 'theirs';
  return {
    answers: answers === undefined ? side : await readAnswers(cli, answers),
    ...omitUndefined({ seen }),
  };
}

async function readAnswers(cli: Cli, given: string): Promise<Answers> {
  const answers = given.trimStart().startsWith('{') ? parseAnswers(given) : await readJsonInput(cli, given);
  if (isObject(answers) && Object.values(answers).every(isGivenSide)) {
    return answers as Answers;
  }
  throw new UsageError('--answers must be JSON like {"<place>": "mine"}, or the name of a file with it');
}

/** null: not JSON. Throws UsageError if a place has two answers. */
function parseAnswers(text: string): unknown {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return parseJsonText('--answers', text);
}
