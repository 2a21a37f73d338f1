/** The four endpoints of email (docs/cxone-contract.md#email). */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  ASKED_EVENT_TYPES,
  EMAIL_SUPPRESSIONS_PATH,
  type EmailRecipient,
  type EmailTracking,
  EVENTS_PATH,
  JOB_PATH,
  MAX_EVENTS_PER_PAGE,
  MESSAGES_PATH,
} from '../cxone/email.wire.ts';
import { eventsOf, statusOf } from './email.events.ts';
import type { EmailJob } from './email.jobs.ts';
import { isAddress, messageErrors } from './email.rules.ts';
import type { EmailState } from './email.state.ts';
import { type Settings, vendorTime } from './settings.ts';

export interface EmailDeps {
  readonly email: EmailState;
  readonly settings: Settings;
  readonly seed: number;
  readonly nowMs: () => number;
}

const access = (right: 'send' | 'read' | 'analytics') =>
  ({ config: { api: { family: 'email', scope: `communications:email:${right}` } } }) as const;
const toFastify = (template: string) => template.replace(/\{(\w+)\}/g, ':$1');
const LIMIT = z.coerce.number().int().min(1).max(MAX_EVENTS_PER_PAGE);
const SUPPRESSIONS_QUERY = z.object({
  email: z.string().refine(isAddress, 'must be one address'),
  limit: LIMIT,
});
const EVENTS_QUERY = z.object({
  jobId: z.string().min(1),
  limit: LIMIT.default(100),
  offset: z.coerce.number().int().min(0).default(0),
  eventType: z.string().optional(),
});

export function registerEmail(app: FastifyInstance, deps: EmailDeps): void {
  const { email, settings } = deps;
  app.get(EMAIL_SUPPRESSIONS_PATH, access('read'), async ({ query }, reply) => {
    const found = email.suppressions.find(SUPPRESSIONS_QUERY.parse(query).email);
    if (found === null && settings.notSuppressedAs === 'not-found')
      return reply.code(404).send({ message: 'not suppressed' });
    return { results: found === null ? [] : [found] };
  });
  app.post(MESSAGES_PATH, access('send'), async (request, reply) => sendMessage(deps, request, reply));
  app.get<{ Params: { jobId: string } }>(toFastify(JOB_PATH), access('read'), async ({ params }, reply) => {
    const job = email.findJob(params.jobId);
    const status = job === null ? null : statusOf(job, clock(deps));
    if (job === null || status === null) return reply.code(404).send({ message: 'no such job' });
    const { jobId, recipients, lifecycle } = job;
    const { spamScore } = lifecycle;
    return {
      jobId,
      status,
      recipientCount: recipients.length,
      ...(spamScore !== undefined && { spamScore }),
    };
  });
  app.get(EVENTS_PATH, access('analytics'), async ({ query }, reply) => {
    const { jobId, limit, offset, eventType } = EVENTS_QUERY.parse(query);
    const job = email.findJob(jobId);
    if (job === null) return reply.code(404).send({ message: 'no such job' });
    const events = eventsOf(job, deps.seed, clock(deps)).filter((event) => isAskedFor(event, eventType));
    return { results: events.slice(offset, offset + limit) };
  });
}

function clock({ settings, nowMs }: EmailDeps): number {
  return vendorTime(settings, nowMs()).getTime();
}

/** Types that nobody can ask for are always there. */
function isAskedFor(event: unknown, asked: string | undefined): boolean {
  const type = (event as { readonly eventType?: unknown } | null)?.eventType;
  const isKnown = ASKED_EVENT_TYPES.some((known) => known === type);
  return asked === undefined || !isKnown || asked.split(',').includes(String(type));
}

/** Synchronous, so that of two requests with the same key only one can be the first. */
function sendMessage(deps: EmailDeps, request: FastifyRequest, reply: FastifyReply) {
  const { email, settings } = deps;
  const idempotencyKey = request.headers['x-idempotency-key']?.toString() ?? null;
  const bodyHash = createHash('sha256').update(JSON.stringify(request.body)).digest('hex').slice(0, 32);
  const known = idempotencyKey === null ? null : findRepeated(deps, idempotencyKey);
  if (known !== null && known.bodyHash !== bodyHash)
    return reply.code(422).send({ message: 'this X-Idempotency-Key was used with another body', errors: [] });
  if (known !== null) return reply.code(202).send(toAnswer(known, settings));
  const errors = messageErrors(request.body, settings.blockedAddresses);
  if (errors.length > 0) {
    const message = 'the message is invalid; nothing was sent';
    return reply.code(400).send({ message, errors: settings.naming === 'none' ? [] : errors });
  }
  const { recipients, ...envelope } = request.body as MessageBody;
  const job = email.accept({
    ...envelope,
    recipients: recipients
      .slice(0, recipients.length - (request.fault?.dropRecords ?? 0))
      .map(({ toAddress, mergeFields = {}, tags = [] }) => ({ toAddress, mergeFields, tags })),
    idempotencyKey,
    bodyHash,
    requestId: request.headers['x-request-id']?.toString() ?? null,
    nowMs: clock(deps),
  });
  return reply.code(202).send(toAnswer(job, settings));
}

/** Valid, so it has these. */
interface MessageBody {
  readonly subject: string;
  readonly templateId: string;
  readonly senderAddress: string;
  readonly tracking?: EmailTracking;
  readonly recipients: readonly (Pick<EmailRecipient, 'toAddress'> & Partial<EmailRecipient>)[];
}

/** The job of an earlier request, if the tenant honours keys and has not forgotten this one. */
function findRepeated(deps: EmailDeps, key: string): EmailJob | null {
  const { email, settings } = deps;
  const job = settings.emailIdempotent ? email.findByKey(key) : null;
  const ageMs = job === null ? 0 : clock(deps) - job.acceptedAtMs;
  return ageMs < 1000 * settings.idempotencyKeySeconds ? job : null;
}

function toAnswer({ jobId, recipients }: EmailJob, { emailRecipientsInAnswer }: Settings) {
  const named = recipients.map(({ toAddress, recipientId, messageId }) => ({
    toAddress,
    recipientId,
    messageId,
  }));
  return { jobId, ...(emailRecipientsInAnswer && { recipients: named }) };
}
