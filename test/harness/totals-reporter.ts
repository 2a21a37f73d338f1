/** Writes `{passed, failed}` to the file named by CXFLOW_TOTALS_FILE, for .ci/run. */
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env.CXFLOW_TOTALS_FILE;
    if (!file) return;
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const count = (state: string) => tests.filter((each) => each === state).length;
    // Files that cannot be loaded and errors outside of tests count as failures too.
    const broken = modules.filter((module) => module.errors().length > 0).length;
    const totals = { passed: count('passed'), failed: count('failed') + broken + errors.length };
    writeFileSync(file, JSON.stringify(totals));
  }
}
