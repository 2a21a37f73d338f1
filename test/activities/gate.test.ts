import { expect, it } from 'vitest';
import { sendThroughGate } from '../../src/activities/engine/gate.ts';
import type { Answer, Withheld, WriteAttempt } from '../../src/activities/engine/write-definition.ts';

const objected: Withheld = { outcome: 'ineligible', reasons: [{ code: 'suppressed' }] };
const inDoubt = { outcome: 'in_doubt', seqs: [2], reasons: [{ code: 'answer_lost' }, {}] };

/** Withholds record 2 from a repetition of the write, and returns its outcome. */
async function withheldAfter(answer: Pick<Answer, 'lostAttemptNotApplied'>) {
  const records = [1, 2].map((seq) => ({ seq, record: {} }));
  const attempt = { records, seqs: [1, 2], priorAttempt: 'batch' };
  const { groups } = await sendThroughGate(
    {
      repeatable: true,
      probe: { request: () => Promise.resolve(), isConclusive: true },
      claimAhead: true,
      deadlineMs: 1_000,
      gate: () => Promise.resolve({ withheld: new Map([[2, objected]]) }),
      send: ({ seqs }) =>
        Promise.resolve({
          groups: [{ outcome: 'existing' as const, seqs }],
          derived: [],
          httpStatus: 200,
          requestId: null,
          details: '',
          ...answer,
        }),
    },
    attempt as unknown as WriteAttempt,
  );
  expect(groups[0]).toEqual({ outcome: 'existing', seqs: [1] });
  expect(groups).toHaveLength(2);
  return groups[1];
}

it('a record is withheld if the lost attempt was not applied', async () => {
  expect(await withheldAfter({ lostAttemptNotApplied: true })).toEqual({
    outcome: 'ineligible',
    seqs: [2],
    reasons: [{ code: 'suppressed' }],
  });
});

it('a record is in doubt if the answer leaves that open', async () => {
  expect(await withheldAfter({})).toMatchObject(inDoubt);
});
