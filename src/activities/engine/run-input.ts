import type { CommonInput } from '../../contract/run.ts';
import type { OperationSpec } from '../../contract/spec.ts';
import type { Run } from '../../ledger/runs/runs.ts';

/** The input of a run of this operation. The workflow has checked it before it opened the run. */
export function runInput<Input extends CommonInput>(_spec: OperationSpec<string, Input>, run: Run): Input {
  return run.input as Input;
}
