import { describe, expect, it } from 'vitest';
import { classifyPriorAttempt, inheritMarks, maySend } from '../../src/activities/engine/prior-attempt.ts';

const FIRST = { refs: null };
const HALF = { refs: { halved: true } };
const RESENT = { refs: { resent: true } };
const NONE = { lostAnswers: 0 };
const LOST = { lostAnswers: 1 };

describe('a write that is not safe to repeat', () => {
  it.each([
    ['may be sent the first time', FIRST, NONE, true],
    ['may not be sent again after a lost answer', FIRST, LOST, false],
    ['may not be sent as half of a batch that may have been applied', HALF, NONE, false],
    ['may be sent once more if a person decided so', RESENT, NONE, true],
    ['may not be sent again if that answer is lost too', RESENT, LOST, false],
  ])('%s', (_, write, lost, expected) => {
    expect(maySend(write, lost, false)).toBe(expected);
    expect(maySend(write, lost, true)).toBe(true);
  });
});

it('what is known of earlier attempts depends on their marks, and on lost answers', () => {
  expect(classifyPriorAttempt(FIRST, NONE)).toBe('none');
  expect(classifyPriorAttempt(FIRST, LOST)).toBe('batch');
  expect(classifyPriorAttempt(HALF, NONE)).toBe('some_records');
  expect(classifyPriorAttempt(RESENT, NONE)).toBe('some_records');
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
