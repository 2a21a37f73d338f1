/** Judges the first share of an email send by what became of it (docs/email-send-events.md#canary). */
import { type EvaluatedMeasure, evaluateCanary } from '../../domain/email-send/canary.ts';
import { formatCount } from '../../domain/numbers.ts';
import { countDeliveries } from '../../ledger/emails/counts.ts';
import { activityKey } from '../engine/step.ts';
import type { EmailSendDeps } from './settings.ts';

export interface Judgement {
  readonly passes: boolean;
  /** For the person who has to decide if it does not. */
  readonly why: string;
}

/** Only the first share was sent so far. */
export async function judgeCanary({ ledger }: EmailSendDeps, runId: string): Promise<Judgement> {
  const run = await ledger.runs.get(runId);
  const { verdict, measures } = evaluateCanary(await countDeliveries(ledger, run.run_no));
  await ledger.audit.add(runId, 'canary_judged', { verdict, measures }, activityKey());
  if (verdict === 'continue') return { passes: true, why: '' };
  const doubtful = measures.filter((measure) => measure.verdict !== 'continue').map(describe);
  const judgement = verdict === 'pause' ? 'the first share went badly' : 'the first share shows too little';
  return {
    passes: false,
    why: `${judgement}: ${doubtful.join('; ')}. Look at its report (cxflow show), then resume to send the rest, or cancel the run`,
  };
}

function describe({ name, verdict, hits, messages, pauseFrom, missing }: EvaluatedMeasure): string {
  const found = `${formatCount(hits)} of ${formatCount(messages)} ${WORDS[name]}`;
  return verdict === 'pause'
    ? `${found}, which is too many from ${formatCount(pauseFrom)} on`
    : `${found}; ${formatCount(missing)} more without one would suffice`;
}

const WORDS = { bounce: 'bounced', complaint: 'were complained about', failure: 'failed' } as const;
