/** The count of equal failures of an activity, which ends what would be repeated for ever. */
import { expect, it } from 'vitest';
import { RepeatedFailures } from '../../src/activities/repeated-failures.ts';
import { createEnvironment, runActivity } from './harness.ts';

it('is kept while the activity fails, however many others do', async () => {
  const failures = new RepeatedFailures();
  const environment = createEnvironment();
  const countOne = (env = createEnvironment()) =>
    runActivity(() => Promise.resolve(failures.count('a').count), env);
  for (let n = 1; n <= 5; n += 1) {
    expect(await countOne(environment)).toBe(n);
    for (let other = 1; other <= 600; other += 1) await countOne();
  }
});
