/** Email under /_sim/: suppressions, what becomes of messages, the jobs, and events that a test adds. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { statusOf } from './email.events.ts';
import { EMAIL_PLAN, LIFECYCLE_CHANGE, type Lifecycle } from './email.plan.ts';
import type { EmailDeps } from './email.routes.ts';
import { EMAIL_SUPPRESSION_CHANGE } from './email.suppressions.ts';
import { vendorTime } from './settings.ts';

const ADMIN = { config: { admin: true } } as const;
const SEED_ROUTE = { ...ADMIN, bodyLimit: 64 * 1024 * 1024 } as const;
/** Any JSON, as a tenant may have events that nobody understands. */
const EVENTS = z.strictObject({ events: z.array(z.unknown()), inSeconds: z.number().default(0) });
const count = (fallback: number, max: number) => z.coerce.number().int().min(0).max(max).default(fallback);
const PAGE_QUERY = z.strictObject({ offset: count(0, Number.MAX_SAFE_INTEGER), limit: count(1000, 100_000) });
interface ById {
  Params: { id: string };
}

export function registerEmailAdmin(app: FastifyInstance, { email, settings, nowMs }: EmailDeps): void {
  const now = () => vendorTime(settings, nowMs()).getTime();
  app.get('/_sim/email/plan', ADMIN, () => email.plan());
  app.post('/_sim/email/plan', ADMIN, ({ body }) => email.replacePlan(EMAIL_PLAN.parse(body ?? {})));
  app.get('/_sim/email/suppressions', ADMIN, ({ query }) => {
    const { offset, limit } = PAGE_QUERY.parse(query);
    const all = email.suppressions.all();
    return { total: all.length, entries: all.slice(offset, offset + limit) };
  });
  app.post('/_sim/email/suppressions', SEED_ROUTE, ({ body }) => {
    email.seed({ suppressions: EMAIL_SUPPRESSION_CHANGE.parse(body) });
    return { total: email.suppressions.all().length };
  });
  app.get('/_sim/email/jobs', ADMIN, ({ query }) => {
    const { offset, limit } = PAGE_QUERY.parse(query);
    const all = email.jobs();
    const jobs = all.slice(offset, offset + limit).map((job) => {
      const { jobId, number, idempotencyKey, recipients, acceptedAtMs } = job;
      const acceptedAt = new Date(acceptedAtMs).toISOString();
      const status = statusOf(job, now());
      return { jobId, number, idempotencyKey, acceptedAt, recipientCount: recipients.length, status };
    });
    return { total: all.length, jobs };
  });
  app.post<ById>('/_sim/email/jobs/:id', ADMIN, ({ params: { id: jobId }, body }, reply) => {
    const change = LIFECYCLE_CHANGE.parse(body);
    const job = email.findJob(jobId);
    if (job === null) return reply.code(404).send({ message: 'no such job' });
    email.seed({ jobId, lifecycle: { ...job.lifecycle, ...change } as Lifecycle });
    return { jobId };
  });
  app.post<ById>('/_sim/email/jobs/:id/events', SEED_ROUTE, ({ params: { id: jobId }, body }, reply) => {
    const { events, inSeconds } = EVENTS.parse(body);
    if (email.findJob(jobId) === null) return reply.code(404).send({ message: 'no such job' });
    const visibleAtMs = now() + 1000 * inSeconds;
    email.seed({ jobId, events: events.map((event) => ({ visibleAtMs, event })) });
    return { added: events.length };
  });
}
