/** What becomes of a campaign and of its run, whatever happens to the PATCH. */
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { canonicalize, sha256 } from '../../src/ledger/hashing.ts';
import type { Edit } from '../../src/simulator/outbound.editors.ts';
import { ledgerOfFile } from '../ledger/harness.ts';
import { applied, onCampaign, once, type Send } from './campaigns.ts';
import { lostAnswer, perform } from './harness.ts';

const opened = ledgerOfFile();
const campaign = (contactSelection: object = {}) => onCampaign(opened(), contactSelection);

const ADD_M = { change: { add: { targetListIds: ['M'] } } };
const T = { targetListIds: ['T'] };
const M = { targetListIds: ['M'] };

describe('an update', () => {
  it('is audited with what was sent, what was checked and what came of it', async () => {
    const { begin, write, audit, events, outcome } = await campaign({ exclusionListIds: ['X'] });
    const run = await begin(ADD_M);
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    const sent = { targetListIds: ['L1', 'M'], exclusionListIds: ['X'], filterRules: [], priorityOrder: [] };
    expect(await audit(run)).toEqual([
      {
        campaignId: run.target,
        payloadHash: sha256(canonicalize(sent)),
        result: 'COMPLETED',
        httpStatus: 200,
        latencyMs: expect.any(Number) as number,
        ...{ versionBefore: 1, versionAfter: 2, details: 'Updated' },
        complianceFlags: { overlapChecked: true, complexityValidated: true, exclusionVerified: true },
      },
    ]);
    expect([await outcome(run), await events(run)]).toEqual(['updated', 1]);
  });

  it('is audited once where it fails, with the payload if there was one', async () => {
    const { admin, begin, tryOnce, audit } = await campaign();
    const run = await begin(ADD_M);
    const refuse = (method: string, status: number) =>
      admin.setFaults([{ match: { method, family: 'outbound' }, times: 2, fault: { status } }]);
    for (const [method, status, type] of [
      ['PATCH', 403, 'ScopeMissing'],
      ['PATCH', 401, 'CredentialsRefused'],
      ['PATCH', 404, 'NotFound'],
      ['GET', 403, 'ScopeMissing'],
    ] as const) {
      const before = (await audit(run)).length;
      await refuse(method, status);
      await expect(tryOnce(run)).rejects.toMatchObject({ type, nonRetryable: true });
      await admin.clearFaults();
      const [entry, ...more] = (await audit(run)).slice(before);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ result: 'FAILED', httpStatus: method === 'PATCH' ? status : null });
      expect(entry?.payloadHash === null).toBe(method === 'GET');
    }
    await refuse('PATCH', 400);
    expect(await tryOnce(run)).toMatchObject({ kind: 'refused' });
    expect((await audit(run)).at(-1)).toMatchObject({
      result: 'FAILED',
      httpStatus: 400,
      versionAfter: null,
    });
  });

  it('of the same moment by two workers goes one after the other, and both stand', async () => {
    const { begin, workerWith, script, targets, patches } = await campaign();
    const [one, two] = [await begin(ADD_M), await begin({ change: { add: T } })];
    // One waits for the other instead of colliding.
    const written = await Promise.all([one, two].map((run) => workerWith(script).tryOnce(run)));
    expect(written).toMatchObject([{ outcome: 'updated' }, { outcome: 'updated' }]);
    expect([...((await targets()) ?? [])].sort()).toEqual(['L1', 'M', 'T']);
    expect(patches()).toBe(2);
  });
});

describe('a lost answer', () => {
  it('is found by looking: written under the version after the one that it was sent over, checked against that one', async () => {
    const { script, edit, begin, write, audit, versions, outcome } = await campaign();
    const run = await begin(ADD_M);
    script.patch = once(applied);
    await edit({ when: 'after-patch', add: { exclusionListIds: ['X'] } });
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(await outcome(run)).toBe('updated own_write_or_existing');
    expect(await versions(run)).toEqual([1, 2]);
    expect((await audit(run)).at(-1)).toMatchObject({
      ...{ result: 'COMPLETED', versionBefore: 1, versionAfter: 2 },
      complianceFlags: { overlapChecked: true, complexityValidated: true, exclusionVerified: true },
    });
  });

  it('of a write that arrives only after the look, and before its repeat, is ours when it is found', async () => {
    const { script, begin, write, audit, events, outcome, versions, patches, targets } = await campaign();
    const run = await begin(ADD_M);
    let late: Send | null = null;
    script.patch = async (n, send) => {
      if (n === 1) {
        late = send;
        throw lostAnswer();
      }
      await late?.();
      return send();
    };
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(patches()).toBe(2);
    expect(await outcome(run)).toBe('updated own_write_lost_answer');
    expect([await versions(run), await events(run)]).toEqual([[1, 2], 1]);
    expect((await audit(run)).map(({ result, httpStatus }) => [result, httpStatus])).toEqual([
      ['FAILED', null],
      ['FAILED', 409],
      ['COMPLETED', null],
    ]);
    // So that it can be rolled back.
    script.patch = (_, send) => send();
    const back = await begin({ rollbackOf: run.run_id });
    expect(await write(back)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await targets()).toEqual(['L1']);
  });

  it('that a collision followed is in doubt where the run is cancelled then', async () => {
    const { script, begin, tryOnce, activities, outcome } = await campaign();
    const run = await begin(ADD_M);
    const sends: Send[] = [];
    script.patch = async (n, send) => {
      sends.push(send);
      if (n === 1) throw lostAnswer();
      await sends[0]?.();
      return send();
    };
    await expect(tryOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await tryOnce(run)).toMatchObject({ kind: 'outdated' });
    await perform(() => activities.endPending({ runId: run.run_id, state: 'cancelled' }));
    expect(await outcome(run)).toBe('in_doubt answer_lost');
  });

  it('of what the policy had settled for theirs is ours too, with an edit on top of it', async () => {
    const rule = (value: number) => ({ filterRules: [{ field: 'age', operator: 'gte', value }] });
    const { script, edit, begin, write, outcome, now, patches } = await campaign(rule(18));
    const run = await begin({ change: { add: { ...M, ...rule(21) } }, onConflict: 'theirs' });
    await edit({ add: rule(16) });
    await edit({ when: 'after-patch', add: T });
    script.patch = once(applied);
    expect(await write(run)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await outcome(run)).toBe('updated own_write_or_existing');
    expect(patches()).toBe(1);
    expect((await now())?.contactSelection).toMatchObject({ targetListIds: ['L1', 'M', 'T'], ...rule(16) });
  });

  it('of a write that was not applied is known by the next version', async () => {
    const { script, edit, begin, write, audit, outcome, targets } = await campaign();
    const run = await begin(ADD_M);
    script.patch = once(async () => {
      await edit({ add: T });
      throw lostAnswer();
    });
    expect(await write(run)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await outcome(run)).toBe('updated');
    expect(await targets()).toEqual(['L1', 'T', 'M']);
    expect((await audit(run)).map(({ details }) => details)).toContain(
      'The answer was lost; the write was not applied',
    );
  });
});

describe('a write that somebody may have taken back before we looked', () => {
  const takenBack = async (input: Partial<SelectionUpdateInput> = {}) => {
    const stand = await campaign();
    const run = await stand.begin({ ...ADD_M, ...input });
    await stand.edit({ when: 'after-patch', remove: M });
    stand.script.patch = once(applied);
    await expect(stand.tryOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await stand.targets()).toEqual(['L1']);
    return { ...stand, run };
  };

  it('is asked about, and not written again; the same run goes on asking', async () => {
    const { run, write, plan, activities, audit, outcome, patches, targets } = await takenBack();
    const asked = await write(run);
    expect(asked).toMatchObject({
      kind: 'conflict',
      conflicts: [{ place: 'lists/M', base: 'nothing', theirs: 'nothing', ours: 'target' }],
    });
    expect(JSON.stringify(asked)).toContain('the answer to our write over version 1 was lost');
    await perform(() => activities.leaveConflict({ runId: run.run_id, why: 'in conflict' }));
    expect(await outcome(run)).toBe('conflict changed_differently answer_lost');
    await plan(run);
    expect(await write(run)).toEqual(asked);
    expect([patches(), await targets()]).toEqual([1, ['L1']]);
    expect(JSON.stringify(await audit(run))).not.toContain('it was not applied');
  });

  it('is not in question where the version that it made was seen', async () => {
    const stand = await campaign();
    const run = await stand.begin(ADD_M);
    stand.script.patch = once(applied);
    await expect(stand.tryOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    // By another run, or by somebody who looked.
    await perform(() => stand.activities.readCampaign({ campaignId: stand.campaignId }));
    await stand.edit({ remove: M });
    expect(await stand.write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(await stand.outcome(run)).toBe('updated own_write_lost_answer');
    expect([stand.patches(), await stand.targets()]).toEqual([1, ['L1']]);
  });

  it('is written again with mine, and left with theirs', async () => {
    const mine = await takenBack({ onConflict: 'mine' });
    expect(await mine.write(mine.run)).toEqual({ kind: 'done', outcome: 'updated', version: 4 });
    expect(await mine.targets()).toEqual(['L1', 'M']);
    expect(await mine.versions(mine.run)).toEqual([3, 4]);
    expect((await mine.audit(mine.run)).map(({ details }) => details)).toContainEqual(
      expect.stringContaining('it may have been applied'),
    );

    const theirs = await takenBack({ onConflict: 'theirs' });
    expect(await theirs.write(theirs.run)).toMatchObject({ kind: 'done', outcome: 'existing' });
    expect(await theirs.outcome(theirs.run)).toBe('existing theirs_kept');
    expect([theirs.patches(), await theirs.targets()]).toEqual([1, ['L1']]);
  });

  it('place by place, what a person has left to theirs stays theirs, also when the next write collides', async () => {
    const stand = await campaign();
    const run = await stand.begin({ change: { add: { targetListIds: ['M', 'N'] } } });
    await stand.edit({ when: 'after-patch', remove: { targetListIds: ['M', 'N'] } });
    stand.script.patch = async (n, send) => {
      if (n === 1) return applied(send);
      if (n === 2) await stand.edit({ add: T });
      return send();
    };
    const asked = await stand.write(run);
    if (asked.kind !== 'conflict') return expect.fail(JSON.stringify(asked));
    const answered = asked.conflicts.map(({ place, hash }) => ({
      ...{ place, hash },
      side: place === 'lists/M' ? ('mine' as const) : ('theirs' as const),
    }));
    expect(await stand.write(run, answered)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(stand.patches()).toBe(3);
    expect(await stand.targets()).toEqual(['L1', 'T', 'M']);
  });

  it('and again: the answer to the one doubt is none to the next', async () => {
    const stand = await takenBack({ onConflict: 'ask' });
    const { run, write, edit, script, targets } = stand;
    const asked = await write(run);
    if (asked.kind !== 'conflict') return expect.fail(JSON.stringify(asked));
    const answered = asked.conflicts.map(({ place, hash }) => ({ place, hash, side: 'mine' as const }));
    await edit({ when: 'after-patch', remove: M });
    script.patch = (_, send) => applied(send);
    expect(await write(run, answered)).toMatchObject({ kind: 'conflict' });
    expect(await targets()).toEqual(['L1']);
  });
});

describe('a try that was overtaken', () => {
  /** It has looked, and sleeps until another one of the same run has had its answer lost. */
  async function overtaken(seen: Edit, meanwhile: Edit) {
    const stand = await campaign();
    const run = await stand.begin(ADD_M);
    await stand.edit(seen);
    const [hasLooked, wakesUp] = [signal(), signal()];
    const looked = () => {
      hasLooked.give();
      return wakesUp.given;
    };
    const zombie = stand.workerWith({ looked }).tryOnce(run);
    await hasLooked.given;
    await stand.edit(meanwhile);
    stand.script.patch = once(applied);
    await expect(stand.tryOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    wakesUp.give();
    await expect(zombie).rejects.toMatchObject({ type: 'WritesInFlight' });
    expect(stand.patches()).toBe(1);
    expect(await stand.write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 4 });
    expect(await stand.outcome(run)).toBe('updated own_write_lost_answer');
    expect(await stand.versions(run)).toEqual([3, 4]);
    return stand;
  }

  it('sends nothing, and does not overwrite what the other one has kept of what it sent', async () => {
    const { targets } = await overtaken({ add: { priorityOrder: ['vip'] } }, { add: T });
    expect(await targets()).toEqual(['L1', 'T', 'M']);
  });

  it('does not settle by what it saw that nothing was to change', async () => {
    const { targets } = await overtaken({ add: M }, { remove: M });
    expect(await targets()).toEqual(['L1', 'M']);
  });
});

function signal() {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}
