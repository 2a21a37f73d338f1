import { describe, expect, it } from 'vitest';
import { classifyPriorAttempt, inheritMarks, maySend } from '../../src/activities/engine/prior-attempt.ts';

const FIRST = { refs: null };
const HALF = { refs: { halved: true } };
const RESENT = { refs: { resent: true } };

describe('a write that may not be repeated', () => {
  it.each([
    ['goes out the first time', FIRST, 0, true],
    ['does not go out again once its answer was lost', FIRST, 1, false],
    ['does not go out as the half of one that may have been applied', HALF, 0, false],
    ['goes out once more by a person’s word', RESENT, 0, true],
    ['needs another word when that answer is lost, too', RESENT, 1, false],
  ])('%s', (_, write, unanswered, expected) => {
    expect(maySend(write, unanswered, false)).toBe(expected);
    expect(maySend(write, unanswered, true)).toBe(true);
  });
});

it('what a person lets go out again may have been applied before', () => {
  expect(classifyPriorAttempt(FIRST, 0)).toBe('none');
  expect(classifyPriorAttempt(FIRST, 1)).toBe('batch');
  expect(classifyPriorAttempt(RESENT, 0)).toBe('some_records');
});

it('the word holds for the halves, and for nothing else that comes of the batch', () => {
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
