/** What makes an operation pause: refusals in a row, and answers lost in a row. */
import { describe, expect, it } from 'vitest';
import { PageHalt } from '../../src/activities/engine/page-halt.ts';
import type { SettledAnswer } from '../../src/activities/engine/settle.ts';

const ANSWER: SettledAnswer = { groups: [], derived: [], httpStatus: 200, requestId: null, details: '' };
const REFUSED: SettledAnswer = { ...ANSWER, httpStatus: 400, refusesAll: true };
const READ: SettledAnswer = { ...ANSWER, readOnly: true };

function haltAfter(answers: readonly SettledAnswer[], refusals = 3): PageHalt {
  const halt = new PageHalt({ lostAnswers: 2, refusals });
  for (const answer of answers) halt.noteAnswer(answer);
  return halt;
}

describe('refusals that blame no record', () => {
  it('halt the page once there are so many in a row', () => {
    expect(haltAfter([REFUSED, REFUSED]).reason).toBeNull();
    expect(haltAfter([REFUSED, REFUSED, REFUSED]).reason).toBe('refused');
  });

  it('are not in a row if CXone has taken a write in between, and are if it was only asked something', () => {
    expect(haltAfter([REFUSED, REFUSED, ANSWER, REFUSED]).reason).toBeNull();
    expect(haltAfter([REFUSED, READ, REFUSED, READ, REFUSED]).reason).toBe('refused');
  });

  it('never halt an operation that does not pause for them', () => {
    const halt = new PageHalt();
    for (let n = 0; n < 100; n += 1) halt.noteAnswer(REFUSED);
    expect(halt.reason).toBeNull();
  });
});

it('lost answers are counted from the last answer to a write, whichever it was', () => {
  const halt = haltAfter([]);
  halt.noteInDoubt();
  expect(halt.lost).toEqual({ inARow: 1, afterAnswer: false });
  halt.noteAnswer(READ);
  halt.noteInDoubt();
  expect(halt.lost).toEqual({ inARow: 2, afterAnswer: false });
  halt.noteAnswer(REFUSED);
  halt.noteInDoubt();
  expect(halt.lost).toEqual({ inARow: 1, afterAnswer: true });
});
