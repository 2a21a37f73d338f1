/** The email send at whose crash points workers are killed (crash-operations.test.ts). */
import type { EmailPlanInput } from '../../src/simulator/email.plan.ts';
import { isEarly, type Operation } from './crash-operation.ts';
import { startSend } from './emails.ts';

const RECIPIENTS = 24;
/** Two requests, and a third one for the recipient whose first message bounces temporarily. */
const PER_REQUEST = 12;
const FAST_EMAIL = { retryAfter: '1s', retries: 1, pollDeadline: '10s' } as const;
const PLAN: EmailPlanInput = {
  jobs: [{ queuedSeconds: 0, processingSeconds: 0 }],
  recipients: [
    { address: '[.]1@', does: 'soft', times: 1, outOfOrder: true },
    { address: '[.]2@', does: 'hard', copies: 2 },
    { address: '[.]3@', does: 'click' },
    { address: '[.]13@', does: 'complaint', copies: 2 },
    { address: '[.]14@', does: 'unsubscribe' },
  ],
};

/** So small that its crash points are of the same kinds as those of a large one, and so few that all of them can be tried. */
export const EMAIL_SEND: Operation = {
  title: 'an email send with bounces, a retry, a complaint and an opt-out',
  inFlight: 1,
  // All scenes together send more than the default limit of a day permits.
  env: { CXFLOW_EMAIL_DAILY_LIMIT: '1000000', CXFLOW_EMAIL_PER_REQUEST: String(PER_REQUEST) },
  // Its runs mostly wait: for a heartbeat that does not come, for the jobs, and for the retry.
  lanes: 8,
  mostInDoubt: PER_REQUEST,
  prepare: (stand) => stand.admin.setEmailPlan(PLAN),
  // What may have been sent is left in doubt, so that no run waits for a person.
  start: (_stand, { client }, { name }) =>
    startSend(client, { name, rows: RECIPIENTS, input: { ...FAST_EMAIL, onInDoubt: 'leave' } }),
  // The requests of all scenes have the same path here too. email-lost-answers.test.ts loses their answers.
  lostAnswer: () => null,
  // How often the jobs are asked about depends on which of them is done first.
  isReproducible: (point) => !/^(deliverEvents|trackMessages)\//.test(point) || isEarly(point, 2),
};
