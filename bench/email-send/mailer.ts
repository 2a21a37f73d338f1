/** The vendor's endpoints for email: who is suppressed, who has opted out, and jobs that take a second. */
import { bounces, hasOptedOut, isSuppressed, opens, personAt, personWith } from './people.ts';

export interface Reply {
  readonly status: number;
  readonly body: object;
}

interface Job {
  readonly acceptedAtMs: number;
  readonly addresses: readonly string[];
}

const ADDRESS = Buffer.from('"toAddress":"');
const JOB_TAKES_MS = 1_000;
/** Nobody reads a message sooner. */
const OPENED_AFTER_MS = 10_000;

export function createMailer() {
  const jobs = new Map<string, Job>();
  return {
    suppression(query: URLSearchParams): Reply {
      const email = query.get('email') ?? '';
      if (!isSuppressed(personAt(email))) return { status: 404, body: { message: 'not suppressed' } };
      return { status: 200, body: { results: [{ email, reason: 'complaint', addedDate: '2026-01-01' }] } };
    },

    preference(query: URLSearchParams): Reply {
      const contactId = query.get('contactId') ?? '';
      return { status: 200, body: toPreference(contactId, query.get('channel') ?? '') };
    },

    /** Returns the addresses, too. */
    accept(body: Buffer): Reply & { readonly addresses: readonly string[] } {
      const addresses = findAddresses(body);
      const jobId = `job-${jobs.size + 1}`;
      jobs.set(jobId, { acceptedAtMs: Date.now(), addresses });
      return { status: 202, body: { jobId }, addresses };
    },

    job(jobId: string): Reply {
      const job = jobs.get(jobId);
      if (!job) return { status: 404, body: { message: 'no such job' } };
      const status = isDone(job) ? 'completed' : 'processing';
      return { status: 200, body: { jobId, status, recipientCount: job.addresses.length } };
    },

    events(query: URLSearchParams): Reply {
      const jobId = query.get('jobId') ?? '';
      const job = jobs.get(jobId);
      const results = job && isDone(job) ? eventsOf(jobId, job) : [];
      const offset = Number(query.get('offset'));
      return { status: 200, body: { results: results.slice(offset, offset + Number(query.get('limit'))) } };
    },
  };
}

const isDone = ({ acceptedAtMs }: Job): boolean => Date.now() >= acceptedAtMs + JOB_TAKES_MS;

function toPreference(contactId: string, channel: string): object {
  const optIn = !hasOptedOut(personWith(contactId));
  return {
    ...{ id: `p-${contactId}`, contactId, channel, optIn, regulatoryRegion: 'GDPR', source: 'web' },
    consentTimestamp: '2025-06-01T00:00:00Z',
    withdrawalTimestamp: optIn ? null : '2025-07-01T00:00:00Z',
    updatedAt: '2025-07-01T00:00:00Z',
  };
}

function findAddresses(body: Buffer): string[] {
  const addresses: string[] = [];
  for (let at = body.indexOf(ADDRESS); at >= 0; at = body.indexOf(ADDRESS, at)) {
    at += ADDRESS.length;
    addresses.push(body.toString('latin1', at, body.indexOf('"', at)));
  }
  return addresses;
}

/** A delivery or a bounce for each message, and an opening for every fourth. */
function eventsOf(jobId: string, { acceptedAtMs, addresses }: Job): object[] {
  const stamp = (ms: number) => new Date(ms).toISOString();
  return addresses.flatMap((emailAddress, index) => {
    const person = personAt(emailAddress);
    const message = {
      messageId: `${jobId}-m${index}`,
      recipientId: `${jobId}-r${index}`,
      emailAddress,
      timestamp: stamp(acceptedAtMs - OPENED_AFTER_MS),
    };
    if (bounces(person))
      return [{ eventId: `${jobId}-${index}-1`, eventType: 'bounce', ...message, ...BOUNCE }];
    const delivery = { eventId: `${jobId}-${index}-1`, eventType: 'delivery', ...message };
    if (!opens(person)) return [delivery];
    const opening = {
      ...delivery,
      eventId: `${jobId}-${index}-2`,
      eventType: 'open',
      timestamp: stamp(acceptedAtMs),
    };
    return [delivery, opening];
  });
}

const BOUNCE = {
  bounceCode: '5.1.1',
  bounceType: 'Permanent',
  bounceDescription: 'smtp; 550 5.1.1 no such user',
};
