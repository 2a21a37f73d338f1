/** Shows whether CXone answers at all, for what always fails. */
import { listLoad as spec } from '../../contract/list-load.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { runInput } from '../engine/run-input.ts';
import type { ListLoadDeps } from './settings.ts';

/** Sends a batch without items to the list of the run. Errors: as Lists.probe. */
export const probe = ({ cxone }: Pick<ListLoadDeps, 'cxone'>, run: Run): Promise<void> =>
  cxone.lists.probe({ listId: runInput(spec, run).listId });
