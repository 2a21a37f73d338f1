import { describe, expect, it } from 'vitest';
import { describeError, renderError, UsageError } from '../../src/cli/errors.ts';
import { DecisionRefused, InputError, NoWorkerAnswered, RunNotFound } from '../../src/client.ts';
import { ConfigError } from '../../src/config/config.ts';
import { SourceError } from '../../src/sources/errors.ts';

const code = (error: unknown) => describeError(error, 'cxflow').code;

describe('an error', () => {
  it('exits with 2 if the user has to change the command or its input', () => {
    const errors = [
      new UsageError('x'),
      new InputError(['listId is missing']),
      new SourceError('source_missing', 'x'),
      new ConfigError(['X is wrong: correct it']),
      new RunNotFound('r1'),
    ];
    expect(errors.map(code)).toEqual([2, 2, 2, 2, 2]);
  });

  it('exits with 1 otherwise', () => {
    const errors = [new DecisionRefused('x'), new NoWorkerAnswered('none', 'x'), new Error('x'), 'x'];
    expect(errors.map(code)).toEqual([1, 1, 1, 1]);
  });

  it('prints every problem on a line of its own', () => {
    const text = renderError(describeError(new InputError(['a is missing', 'b is wrong']), 'cxflow'));
    expect(text).toBe('cxflow: there are 2 problems:\n  - a is missing\n  - b is wrong');
  });

  it('names the database that does not answer, and its address', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), {
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: 5432,
    });
    const text = renderError(describeError(new AggregateError([refused]), 'npx cxflow'));
    expect(text).toContain('the database does not answer (ECONNREFUSED, 127.0.0.1:5432)');
    expect(text).toContain('npx cxflow doctor');
  });

  it('suggests what to do about a database of another version', () => {
    const missing = Object.assign(new Error('column "steering" does not exist'), { code: '42703' });
    expect(describeError(missing, 'cxflow')).toMatchObject({
      type: 'NotMigrated',
      next: expect.stringContaining('worker') as string,
    });
  });
});
