/** The campaign and the run's outcome after a PATCH that succeeds, fails, collides, or whose answer is lost. */
import { describe, expect, it } from 'vitest';
import type { SelectionUpdateInput } from '../../src/contract/selection-update.ts';
import { canonicalize, sha256 } from '../../src/ledger/hashing.ts';
import type { Edit } from '../../src/simulator/outbound.editors.ts';
import { ledgerOfFile } from '../ledger/harness.ts';
import { applyAndLose, once, type Send, startCampaign } from './campaigns.ts';
import { createEnvironment, lostAnswer, runActivity } from './harness.ts';

const opened = ledgerOfFile();
const campaign = (contactSelection: object = {}) => startCampaign(opened(), contactSelection);

const ADD_M = { change: { add: { targetListIds: ['M'] } } };
const T = { targetListIds: ['T'] };
const M = { targetListIds: ['M'] };

describe('an update of a selection', () => {
  it('is audited with its payload hash, checks and result', async () => {
    const { openAndPlan, write, audit, events, outcome } = await campaign({ exclusionListIds: ['X'] });
    const run = await openAndPlan(ADD_M);
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    const sent = { targetListIds: ['L1', 'M'], exclusionListIds: ['X'], filterRules: [], priorityOrder: [] };
    expect(await audit(run)).toEqual([
      {
        campaignId: run.target,
        payloadHash: sha256(canonicalize(sent)),
        result: 'COMPLETED',
        httpStatus: 200,
        latencyMs: expect.any(Number) as number,
        cxoneMs: expect.any(Number) as number,
        ...{ versionBefore: 1, versionAfter: 2, details: 'Updated' },
        complianceFlags: { overlapChecked: true, complexityValidated: true, exclusionVerified: true },
      },
    ]);
    expect([await outcome(run), await events(run)]).toEqual(['updated', 1]);
  });

  it('is audited once if it fails, with the payload hash if it was sent', async () => {
    const { admin, openAndPlan, writeOnce, audit } = await campaign();
    const run = await openAndPlan(ADD_M);
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
      await expect(writeOnce(run)).rejects.toMatchObject({ type, nonRetryable: true });
      await admin.clearFaults();
      const [entry, ...more] = (await audit(run)).slice(before);
      expect(more).toEqual([]);
      expect(entry).toMatchObject({ result: 'FAILED', httpStatus: method === 'PATCH' ? status : null });
      expect(entry?.payloadHash === null).toBe(method === 'GET');
    }
    await refuse('PATCH', 400);
    expect(await writeOnce(run)).toMatchObject({ kind: 'refused' });
    expect((await audit(run)).at(-1)).toMatchObject({
      result: 'FAILED',
      httpStatus: 400,
      versionAfter: null,
    });
  });

  it('waits for an update by another worker, and both are applied', async () => {
    const { openAndPlan, createCampaignWorker, hooks, targets, countPatches } = await campaign();
    const [one, two] = [await openAndPlan(ADD_M), await openAndPlan({ change: { add: T } })];
    const written = await Promise.all([one, two].map((run) => createCampaignWorker(hooks).writeOnce(run)));
    expect(written).toMatchObject([{ outcome: 'updated' }, { outcome: 'updated' }]);
    expect([...((await targets()) ?? [])].sort()).toEqual(['L1', 'M', 'T']);
    expect(countPatches()).toBe(2);
  });
});

describe('a lost answer', () => {
  it('is settled by reading the campaign, if the version after the one that was overwritten shows the change', async () => {
    const { hooks, edit, openAndPlan, write, audit, versions, outcome } = await campaign();
    const run = await openAndPlan(ADD_M);
    hooks.patch = once(applyAndLose);
    await edit({ when: 'after-patch', add: { exclusionListIds: ['X'] } });
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(await outcome(run)).toBe('updated own_write_or_existing');
    expect(await versions(run)).toEqual([1, 2]);
    expect((await audit(run)).at(-1)).toMatchObject({
      ...{ result: 'COMPLETED', versionBefore: 1, versionAfter: 2 },
      complianceFlags: { overlapChecked: true, complexityValidated: true, exclusionVerified: true },
    });
  });

  it('of a write that CXone applies only after the read is settled when the repeat collides with it', async () => {
    const { hooks, openAndPlan, write, audit, events, outcome, versions, countPatches, ...seen } =
      await campaign();
    const run = await openAndPlan(ADD_M);
    let late: Send | null = null;
    hooks.patch = async (n, send) => {
      if (n === 1) {
        late = send;
        throw lostAnswer();
      }
      await late?.();
      return send();
    };
    expect(await write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(countPatches()).toBe(2);
    expect(await outcome(run)).toBe('updated own_write_lost_answer');
    expect([await versions(run), await events(run)]).toEqual([[1, 2], 1]);
    expect((await audit(run)).map(({ result, httpStatus }) => [result, httpStatus])).toEqual([
      ['FAILED', null],
      ['FAILED', 409],
      ['COMPLETED', null],
    ]);
    // The version is known, so it can be rolled back.
    hooks.patch = (_, send) => send();
    const back = await openAndPlan({ rollbackOf: run.run_id });
    expect(await seen.versionSeen(back), 'where the campaign stands, not where that run began').toBe(2);
    expect(await write(back)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await seen.targets()).toEqual(['L1']);
  });

  it('leaves the record in doubt if the run is cancelled after a collision', async () => {
    const { hooks, openAndPlan, writeOnce, activities, outcome, events } = await campaign();
    const run = await openAndPlan(ADD_M);
    const sends: Send[] = [];
    hooks.patch = async (n, send) => {
      sends.push(send);
      if (n === 1) throw lostAnswer();
      await sends[0]?.();
      return send();
    };
    await expect(writeOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await writeOnce(run)).toMatchObject({ kind: 'outdated' });
    await runActivity(() => activities.endPending({ runId: run.run_id, state: 'cancelled' }));
    expect(await outcome(run)).toBe('in_doubt answer_lost');
    // The event lists what CXone has, which nobody knows here.
    expect(await events(run)).toBe(0);
  });

  it('is not sent, and not left in doubt, if the run is cancelled before the request leaves', async () => {
    const { hooks, openAndPlan, activities, outcome, countPatches } = await campaign();
    const run = await openAndPlan(ADD_M);
    const env = createEnvironment();
    hooks.afterRead = () => {
      env.cancel();
      return Promise.resolve();
    };
    const write = () => activities.writeSelection({ runId: run.run_id, answered: [] });
    await expect(runActivity(write, env)).rejects.toMatchObject({ name: 'CancelledFailure' });
    await runActivity(() => activities.endPending({ runId: run.run_id, state: 'cancelled' }));
    expect([await outcome(run), countPatches()]).toEqual(['cancelled run_cancelled', 0]);
  });

  it('is settled although the policy kept a change of theirs and another edit followed', async () => {
    const rule = (value: number) => ({ filterRules: [{ field: 'age', operator: 'gte', value }] });
    const { hooks, edit, openAndPlan, write, outcome, readCampaign, countPatches } = await campaign(rule(18));
    const run = await openAndPlan({
      change: { remove: rule(18), add: { ...M, ...rule(21) } },
      onConflict: 'theirs',
    });
    await edit({ remove: rule(18), add: rule(16) });
    await edit({ when: 'after-patch', add: T });
    hooks.patch = once(applyAndLose);
    expect(await write(run)).toMatchObject({ kind: 'done', outcome: 'updated' });
    expect(await outcome(run)).toBe('updated own_write_or_existing');
    expect(countPatches()).toBe(1);
    expect((await readCampaign())?.contactSelection).toMatchObject({
      targetListIds: ['L1', 'M', 'T'],
      ...rule(16),
    });
  });

  it('is settled as not applied if the next version does not have the change', async () => {
    const { hooks, edit, openAndPlan, write, audit, outcome, targets } = await campaign();
    const run = await openAndPlan(ADD_M);
    hooks.patch = once(async () => {
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

describe('a write with a lost answer that somebody may have reverted', () => {
  const takenBack = async (input: Partial<SelectionUpdateInput> = {}) => {
    const started = await campaign();
    const run = await started.openAndPlan({ ...ADD_M, ...input });
    await started.edit({ when: 'after-patch', remove: M });
    started.hooks.patch = once(applyAndLose);
    await expect(started.writeOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    expect(await started.targets()).toEqual(['L1']);
    return { ...started, run };
  };

  it('is a conflict and not repeated, also when the run is continued', async () => {
    const { run, write, plan, activities, audit, outcome, countPatches, targets } = await takenBack();
    const asked = await write(run);
    expect(asked).toMatchObject({
      kind: 'conflict',
      conflicts: [{ place: 'lists/M', base: 'nothing', theirs: 'nothing', ours: 'target' }],
    });
    expect(JSON.stringify(asked)).toContain('the answer to our write over version 1 was lost');
    await runActivity(() => activities.leaveConflict({ runId: run.run_id, why: 'in conflict' }));
    expect(await outcome(run)).toBe('conflict changed_differently answer_lost');
    await plan(run);
    expect(await write(run)).toEqual(asked);
    expect([countPatches(), await targets()]).toEqual([1, ['L1']]);
    expect(JSON.stringify(await audit(run))).not.toContain('was not applied');
  });

  it('is no conflict if the version that it created was read', async () => {
    const started = await campaign();
    const run = await started.openAndPlan(ADD_M);
    started.hooks.patch = once(applyAndLose);
    await expect(started.writeOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    // The version is read by another run or an operator.
    await runActivity(() => started.activities.readCampaign({ campaignId: started.campaignId }));
    await started.edit({ remove: M });
    expect(await started.write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 2 });
    expect(await started.outcome(run)).toBe('updated own_write_lost_answer');
    expect([started.countPatches(), await started.targets()]).toEqual([1, ['L1']]);
  });

  it('is repeated with onConflict mine, and left with theirs', async () => {
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
    expect([theirs.countPatches(), await theirs.targets()]).toEqual([1, ['L1']]);
  });

  it('keeps theirs where the operator decided so, even if the next write collides', async () => {
    const started = await campaign();
    const run = await started.openAndPlan({ change: { add: { targetListIds: ['M', 'N'] } } });
    await started.edit({ when: 'after-patch', remove: { targetListIds: ['M', 'N'] } });
    started.hooks.patch = async (n, send) => {
      if (n === 1) return applyAndLose(send);
      if (n === 2) await started.edit({ add: T });
      return send();
    };
    const asked = await started.write(run);
    if (asked.kind !== 'conflict') return expect.fail(JSON.stringify(asked));
    const answered = asked.conflicts.map(({ place, hash }) => ({
      ...{ place, hash },
      side: place === 'lists/M' ? ('mine' as const) : ('theirs' as const),
    }));
    expect(await started.write(run, [{ places: answered }])).toMatchObject({
      kind: 'done',
      outcome: 'updated',
    });
    expect(started.countPatches()).toBe(3);
    expect(await started.targets()).toEqual(['L1', 'T', 'M']);
  });

  it('is a new conflict if it is reverted again, and the earlier answer does not apply', async () => {
    const started = await takenBack({ onConflict: 'ask' });
    const { run, write, edit, hooks, targets } = started;
    const asked = await write(run);
    if (asked.kind !== 'conflict') return expect.fail(JSON.stringify(asked));
    const answered = asked.conflicts.map(({ place, hash }) => ({ place, hash, side: 'mine' as const }));
    await edit({ when: 'after-patch', remove: M });
    hooks.patch = (_, send) => applyAndLose(send);
    expect(await write(run, [{ places: answered }])).toMatchObject({ kind: 'conflict' });
    expect(await targets()).toEqual(['L1']);
  });
});

describe('a superseded attempt', () => {
  /** It has read the campaign, and is suspended until another attempt of the same run has lost its answer. */
  async function overtake(before: Edit, meanwhile: Edit) {
    const started = await campaign();
    const run = await started.openAndPlan(ADD_M);
    await started.edit(before);
    const [hasRead, mayContinue] = [createSignal(), createSignal()];
    const afterRead = () => {
      hasRead.give();
      return mayContinue.given;
    };
    const overtaken = started.createCampaignWorker({ afterRead }).writeOnce(run);
    await hasRead.given;
    await started.edit(meanwhile);
    started.hooks.patch = once(applyAndLose);
    await expect(started.writeOnce(run)).rejects.toMatchObject({ type: 'CxoneUnavailable' });
    mayContinue.give();
    await expect(overtaken).rejects.toMatchObject({ type: 'WritesInFlight' });
    expect(started.countPatches()).toBe(1);
    expect(await started.write(run)).toEqual({ kind: 'done', outcome: 'updated', version: 4 });
    expect(await started.outcome(run)).toBe('updated own_write_lost_answer');
    expect(await started.versions(run)).toEqual([3, 4]);
    return started;
  }

  it('sends nothing, and does not overwrite what the other attempt has stored', async () => {
    const { targets } = await overtake({ add: { priorityOrder: ['vip'] } }, { add: T });
    expect(await targets()).toEqual(['L1', 'T', 'M']);
  });

  it('does not settle the record as unchanged by its outdated read', async () => {
    const { targets } = await overtake({ add: M }, { remove: M });
    expect(await targets()).toEqual(['L1', 'M']);
  });
});

function createSignal() {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}
