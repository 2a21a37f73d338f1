import { describe, expect, it } from 'vitest';
import { classifyPriorAttempt, inheritMarks, maySend } from '../../src/activities/engine/prior-attempt.ts';

const FIRST = { refs: null };
const HALF = { refs: { halved: true } };
const RESENT = { refs: { resent: true } };

describe('a write that is not safe to repeat', () => {
  it.each([
    ['may be sent the first time', FIRST, 0, true],
    ['may not be sent again after a lost answer', FIRST, 1, false],
    ['may not be sent as half of a batch that may have been applied', HALF, 0, false],
    ['may be sent once more if a person decided so', RESENT, 0, true],
    ['may not be sent again if that answer is lost too', RESENT, 1, false],
  ])('%s', (_, write, unanswered, expected) => {
    expect(maySend(write, unanswered, false)).toBe(expected);
    expect(maySend(write, unanswered, true)).toBe(true);
  });
});

it('a write that a person resends may have been applied before', () => {
  expect(classifyPriorAttempt(FIRST, 0)).toBe('none');
  expect(classifyPriorAttempt(FIRST, 1)).toBe('batch');
  expect(classifyPriorAttempt(RESENT, 0)).toBe('some_records');
});

it('the permission to resend extends to the halves of a batch, and to no other derived write', () => {
  const half = { kind: 'create', seqs: [1], refs: { halved: true } };
  const update = { kind: 'update', seqs: [2], refs: { recordIds: { 2: 'r2' } } };
  const rest = { kind: 'create', seqs: [3] };
  expect(inheritMarks(RESENT, [half, update, rest])).toEqual([
    { ...half, refs: { halved: true, resent: true } },
    update,
    rest,
  ]);
  expect(inheritMarks(FIRST, [half, rest])).toEqual([half, rest]);
});
