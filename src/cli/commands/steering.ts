/** `cxflow approve | reject | cancel | pause | resume | resolve RUN` */
import { type Command, Option } from 'commander';
import type { SteeringAction } from '../../contract/steering.ts';
import type { SteeringOptions } from '../actions/steer.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs, RUN_HELP } from './command.ts';

interface Help {
  readonly summary: string;
  readonly description: string;
  readonly example: readonly [string, string];
  /** What the command needs beside the run. */
  readonly required?: string;
}

const HELP: Readonly<Record<SteeringAction, Help>> = {
  approve: {
    summary: 'approve the plan of a run that waits for approval',
    description: paragraphs(
      `Approves a plan, after which the run starts to write. With --plan, only the plan that you reviewed;
       approving \`latest\` needs it, because another run may have been started meanwhile.`,
      `A run that has no plan yet refuses the approval. With --when-planned it keeps it until it has one; without --plan that
       approves a plan that you have not seen.`,
    ),
    example: ['approve RUN --plan 3f9a0c1d2e4b5a67', 'approve the plan with this hash and no other'],
  },
  reject: {
    summary: 'reject the plan of a run that waits for approval',
    description: 'Rejects a plan: the run ends and nothing is written.',
    example: ['reject RUN --reason "wrong file"', 'record the reason in the audit'],
  },
  cancel: {
    summary: 'stop a run for good',
    description:
      'Cancels a run: no new batch is sent, batches in flight are settled, and the rest becomes `cancelled`.',
    example: ['cancel RUN --reason "campaign called off"', 'what is already written stays in CXone'],
  },
  pause: {
    summary: 'pause a run',
    description: 'Pauses a run: no new batch is sent until `resume`.',
    example: ['pause RUN', 'continue with `resume RUN`'],
  },
  resume: {
    summary: 'continue a paused run',
    description: 'Continues a paused run from where it stopped.',
    example: ['resume RUN', 'continue from where it stopped'],
  },
  resolve: {
    summary: 'decide about writes in doubt or about conflicts of a selection',
    description: paragraphs(
      `Decides about writes that CXone never answered: send them again, or leave their records in doubt and
       continue.`,
      `Or decides about a selection that someone else changed as well: keep our side, their side, or choose
       place by place.`,
      `\`show RUN\` lists both.`,
    ),
    example: ['resolve RUN --leave --write 17', 'only this write; `show RUN` lists the ids'],
    required: '--leave',
  },
};

const addDecision =
  (action: SteeringAction): AddCommand =>
  (parent, cli, finish) => {
    const { summary, description, example, required } = HELP[action];
    const command = parent
      .command(action)
      .summary(summary)
      .description(description)
      .argument('<run>', RUN_HELP)
      .option('--by <name>', 'who decides, for the audit', cli.login)
      .option('--reason <text>', 'why, for the audit; no personal data');
    if (action === 'approve') {
      command
        .option('--plan <hash>', 'hash of the plan that you reviewed (default: the current plan)')
        .option('--when-planned', 'if the run has no plan yet, keep the approval until it has one');
    }
    if (action === 'resolve') addResolveOptions(command);
    command
      .option('--json', JSON_HELP)
      .addHelpText(
        'after',
        examples(cli, [
          example,
          [
            [action, 'RUN', ...(required === undefined ? [] : [required]), '--by dana --json'].join(' '),
            "from a script, in another person's name",
          ],
        ]),
      )
      .action(async (runId: string, options: SteeringOptions) => {
        const { steer } = await import('../actions/steer.ts');
        finish(await steer(cli, action, runId, options));
      });
  };

function addResolveOptions(command: Command): void {
  command
    .addOption(new Option('--resend', 'writes in doubt: send them again').conflicts('leave'))
    .option('--leave', 'writes in doubt: leave their records in doubt and continue')
    .option('--write <id>', 'only this write (default: all in doubt)')
    .option('--mine', 'conflicts: keep our change everywhere')
    .option('--ours', 'the same as --mine')
    .option('--theirs', 'conflicts: keep their change everywhere')
    .option(
      '--answers <json|file>',
      'conflicts: place by place, {"lists/L1": "mine", "priorityOrder": "theirs"}',
    )
    .option('--seen <hashes>', 'conflicts that you reviewed, as in `show RUN` (default: the current ones)');
}

export const addApprove = addDecision('approve');
export const addReject = addDecision('reject');
export const addCancel = addDecision('cancel');
export const addPause = addDecision('pause');
export const addResume = addDecision('resume');
export const addResolve = addDecision('resolve');
