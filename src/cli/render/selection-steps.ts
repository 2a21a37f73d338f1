/** The commands that make sense after a selection update, which changes one campaign instead of many records. Pure. */
import { shellQuote } from '../terminal/format.ts';
import type { EndedRun, Step } from './next-steps.ts';

export function stepsAfterSelectionUpdate(ended: EndedRun, command: string): readonly Step[] {
  const { runId, target: campaignId, state, counts } = ended;
  const run = shellQuote(runId);
  const undo = { what: 'undo it', command: `${command} selection rollback ${run}` };
  return [
    ...((counts.updated ?? 0) > 0 ? [undo] : []),
    ...(state === 'failed' && (counts.conflict ?? 0) > 0 ? [repeatStep(ended, command)] : []),
    {
      what: 'see who changed this campaign',
      command: `${command} selection history ${shellQuote(campaignId)}`,
    },
    { what: 'see everything about this run', command: `${command} show ${run}` },
    { what: 'write a report', command: `${command} report ${run} --html` },
  ];
}

/** Under the same id, so that the selection is still compared with the version where this run began. */
function repeatStep({ runId, target: campaignId, input }: EndedRun, command: string): Step {
  const { rollbackOf } = (input ?? {}) as { readonly rollbackOf?: string };
  const repeated =
    rollbackOf === undefined
      ? `update ${shellQuote(campaignId)} FILE.json`
      : `rollback ${shellQuote(rollbackOf)}`;
  return {
    what: 'repeat it, and decide whose change counts (mine, theirs or ask)',
    command: `${command} selection ${repeated} --id ${shellQuote(runId)} --on-conflict ask`,
  };
}
