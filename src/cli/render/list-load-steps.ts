/** What somebody has to see to after a list load, beyond what became of its records. Pure. */
import type { ListLoadResult } from '../../contract/list-load.ts';
import { plural } from '../../domain/numbers.ts';
import { shellQuote } from '../terminal/format.ts';
import type { EndedRun, Step } from './next-steps.ts';

/** CXone has no request that takes an item back. A dry run finds these people, because it screens the file once more. */
export function stepsForObjections({ target, result }: EndedRun, command: string): readonly Step[] {
  const { objectedSince = 0, campaignId = 'ID' } = (result ?? {}) as Partial<ListLoadResult>;
  if (objectedSince === 0) return [];
  const what =
    objectedSince === null
      ? 'it is not known whether loaded people have objected since; once the list in CXone is right, find them'
      : `remove from the list in CXone the ${plural(objectedSince, 'record')} of people who have objected since; find them`;
  const lists = `--list ${shellQuote(target)} --campaign ${shellQuote(campaignId)}`;
  return [
    {
      what: `${what} with the same file and options`,
      command: `${command} list load FILE ${lists} --fit --dry-run`,
    },
    {
      what: 'of those whom that dry run suppressed, remove from the list in CXone whoever this run has loaded',
      command: `${command} records DRY_RUN --outcome suppressed`,
    },
  ];
}
