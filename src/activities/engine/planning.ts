/** What is pending is cut into batches and planned, and planned again if an approved plan is outdated. */
import { plural } from '../../domain/numbers.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { countPlan, type Plan } from './plan.ts';
import type { Registry } from './registry.ts';
import { requireKnownPlan } from './restored.ts';
import { activityKey, takeOver } from './step.ts';

export interface ApprovedPlan {
  readonly runId: string;
  /** As the workflow knows it: the ledger may have another one by now. */
  readonly planHash: string;
}

export interface PlanningDeps {
  readonly ledger: Ledger;
  readonly registry: Registry;
  readonly ratePerMinute: number;
}

export function createPlanning(deps: PlanningDeps) {
  return {
    /** Cuts what is pending into batches and counts it. Repeatable: existing batches stay as they are. */
    planWrites: (runId: string): Promise<Plan> => planWrites(deps, runId),

    /**
     * Plans an approved run again if its plan is outdated; null: it is not, or something was sent already. Repeatable: if an
     * earlier attempt has taken the plan apart, it is made anew, and if one has made another, that is returned.
     */
    replanWrites: (approved: ApprovedPlan): Promise<Plan | null> => replanWrites(deps, approved),
  };
}

async function planWrites(deps: PlanningDeps, runId: string): Promise<Plan> {
  const run = await takeOver(deps.ledger, runId);
  requireKnownPlan(deps, run);
  const plan = await makePlan(deps, run);
  // Another attempt may find other figures, and what is approved is the plan of the last one.
  await deps.ledger.audit.add(runId, 'planned', withoutReasons(plan), activityKey(plan.hash));
  return plan;
}

async function replanWrites(
  deps: PlanningDeps,
  { runId, planHash: approved }: ApprovedPlan,
): Promise<Plan | null> {
  const { ledger } = deps;
  const run = await takeOver(ledger, runId);
  const isReplaced = run.plan_hash !== null && run.plan_hash !== approved;
  // An attempt that died when it had stored another plan has left that, which nobody has approved.
  const plan = isReplaced ? (run.plan as Plan) : await planAgain(deps, run, approved);
  if (plan) {
    const data = { approved, ...withoutReasons(plan) };
    await ledger.audit.add(runId, 'approval_void', data, `approval_void ${plan.hash}`);
  }
  return plan;
}

async function planAgain(deps: PlanningDeps, run: Run, approved: string): Promise<Plan | null> {
  const { ledger, registry } = deps;
  const check = await registry.bulk(run.kind).recheck?.(run);
  // Once a plan is taken apart its approval is void, whatever has become of the reason: some records may be settled by now.
  if (run.plan_hash !== null) {
    if (!check?.isOutdated) return null;
    // If something was sent before, the run was started again, and the gate decides about the rest.
    if (!(await ledger.writes.unplan(run))) return null;
  }
  await check?.screen();
  return makePlan(deps, run, async (figures) => {
    const { suppressed = 0 } = await ledger.runs.exactCounts(run.run_no);
    const n = suppressed - ((run.plan as Plan).suppressed ?? 0);
    // They include records that the approved plan had left out.
    const more = `${plural(n, 'more record')} of the run must not be sent by now`;
    const why = [more, ...(check?.describeChange(figures) ?? [])];
    return [`the approval of plan ${approved} is void: ${why.join('. ')}`];
  });
}

/** `describeChange`: notes beside those of the operation. */
async function makePlan(
  { ledger, registry, ratePerMinute }: PlanningDeps,
  run: Run,
  describeChange?: (figures: object | undefined) => Promise<readonly string[]>,
): Promise<Plan> {
  const definition = registry.bulk(run.kind);
  const { order, recordsPerBatch } = definition;
  const addition = await definition.prepare?.(run);
  const notes = (await describeChange?.(addition?.figures)) ?? [];
  const kind = definition.firstWrite(run);
  const batches = await ledger.writes.plan(run, kind, recordsPerBatch, order && { order });
  const plan = await countPlan({ ledger, ratePerMinute }, run, definition, { batches, addition, notes });
  await ledger.runs.setPlan(run, plan, plan.hash);
  return plan;
}

/** As it is audited: the reasons are in the ledger, beside their records. */
function withoutReasons({ reasons: _, ...plan }: Plan): Omit<Plan, 'reasons'> {
  return plan;
}
