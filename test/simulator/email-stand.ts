/** A simulator for tests of email, whose clock the test moves, and messages for it. */
import type { EmailEnvelope, EmailEvent, EmailRecipient } from '../../src/cxone/email.ts';
import type { EmailPlanInput } from '../../src/simulator/email.plan.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { startSimulator } from './stand.ts';

export const ENVELOPE: EmailEnvelope = {
  subject: 'Your plan',
  templateId: '3f2c8a10-5b7d-4e61-9a02-c4d8e6f01b23',
  senderAddress: 'news@example.com',
};
export const NAMES = ['ada', 'bob', 'cem'];
export const MESSAGES = '/v1/communications/email/messages';
export const recipient = (name: string, over: Partial<EmailRecipient> = {}): EmailRecipient => ({
  toAddress: `${name}@example.com`,
  mergeFields: { firstName: name },
  tags: ['spring'],
  ...over,
});

/** `wait` moves the clock. Its tokens last for days, since a test may wait for days. */
export async function startEmail(options: SimulatorOptions = {}) {
  let nowMs = Date.parse('2026-11-30T12:00:00Z');
  const sim = await startSimulator({ nowMs: () => nowMs, tokenSeconds: 3e6, ...options });
  const { email } = sim.cxone;
  let keys = 0;
  const send = (
    names: readonly string[] = NAMES,
    key = `key-${(keys += 1)}`,
    over: Partial<EmailEnvelope> = {},
  ) => {
    const recipients = { count: names.length, json: JSON.stringify(names.map((name) => recipient(name))) };
    return email.sendMessage({ envelope: { ...ENVELOPE, ...over }, recipients, idempotencyKey: key });
  };
  async function job(names?: readonly string[], key?: string): Promise<string> {
    const answer = await send(names, key);
    if (answer.kind !== 'accepted') throw new Error(answer.message);
    return answer.jobId;
  }
  async function events(jobId: string, limit = 1_000): Promise<EmailEvent[]> {
    const all: EmailEvent[] = [];
    for (;;) {
      const page = await email.readEvents({ jobId, offset: all.length, limit });
      all.push(...page.events);
      if (page.count < limit) return all;
    }
  }
  async function api(method: string, path: string, body?: unknown) {
    const headers = {
      authorization: `Bearer ${await sim.token('email')}`,
      'content-type': 'application/json',
    };
    return sim.request(method, path, { headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  }
  const status = async (jobId: string) => (await email.getJob({ jobId }))?.status ?? null;
  const accepted = async () =>
    (await sim.admin.acceptedEmails()).map(({ toAddress }) => toAddress.split('@', 1)[0]);
  /** What becomes of one message to ada, an hour later: the types of its events. */
  async function typesOf(...rules: NonNullable<EmailPlanInput['recipients']>) {
    await sim.admin.setEmailPlan({ recipients: rules });
    const jobId = await job(['ada']);
    wait(3_600);
    return (await events(jobId)).map(({ eventType }) => eventType);
  }
  const wait = (seconds: number) => void (nowMs += 1000 * seconds);
  return { ...sim, email, send, job, events, api, status, accepted, typesOf, wait };
}
