/** What a workflow is started with: any Temporal client may have chosen it. */
import { workflowInfo } from '@temporalio/workflow';
import { fatalFailure } from '../contract/failures.ts';
import { type Checked, runIdProblem } from '../contract/input.ts';

/** Also checks the workflow's id, which the ledger stores. Throws InvalidInput with every problem. */
export function requireInput<T>(checked: Checked<T>): T {
  const idProblem = runIdProblem(workflowInfo().workflowId);
  const problems = [
    ...(idProblem === null ? [] : [idProblem]),
    ...('problems' in checked ? checked.problems : []),
  ];
  if (problems.length > 0 || 'problems' in checked) throw fatalFailure('InvalidInput', problems.join('; '));
  return checked.input;
}
