/** The story of every kind that writes its records in batches; the nouns say what each step is to them. */
import type { CommonInput, Kind, RunResult } from '../../contract/run.ts';
import { close, tellStory } from './completion.ts';
import type { Resumed, Run } from './run.ts';
import { decide, finishTelling, open, plan, settleDoubts, stage, startTelling, write } from './steps.ts';

export interface BulkStory {
  readonly run: Run;
  readonly kind: Kind;
  readonly input: CommonInput;
  readonly resumed: Resumed | undefined;
  /** Continues as new, with what the run knows by then. */
  readonly renew: () => Promise<never>;
}

export function tellBulkStory<R extends RunResult>(story: BulkStory): Promise<R> {
  const { run, kind, input, resumed, renew } = story;
  return tellStory<R>(run, async () => {
    if (!resumed) {
      await open(run, kind);
      await stage(run);
      await plan(run);
      if (input.dryRun) return close<R>(run, 'completed');
      if ((await decide(run)) === 'rejected') return close<R>(run, 'rejected');
    }
    const telling = startTelling(run);
    if (!((await write(run)) && (await settleDoubts(run)))) {
      telling.stop();
      await telling.ended;
      await run.settledDown();
      return renew();
    }
    await finishTelling(run, telling);
    return close<R>(run, 'completed');
  });
}
