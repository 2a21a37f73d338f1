/** Events about jobs: added once a job is analysed, and whenever that changes later. */
import type { Job } from './jobs.ts';

export interface Announcement {
  /** The name of the first event about a job. */
  readonly first: string;
  /** The name of those that follow. */
  readonly later: string;
  /** false: only the audit entry is added. */
  readonly hasSubscriber: boolean;
  /** What the event says. Pure. */
  readonly describe: (job: Job, messages: readonly JobMessage[]) => AnnouncedJob;
}

export interface AnnouncedJob {
  /** For the audit, without personal data. */
  readonly auditEntry: object;
  /** Of the event, as JSON. People are named by `seq` in `entries`, which an erasure shortens. */
  readonly facts: object;
  readonly entries: Readonly<Record<string, readonly { readonly seq: number }[]>>;
}

export interface JobMessage {
  readonly seq: number;
  readonly state: string;
  readonly bounceClass: string | null;
  readonly bounceCode: string | null;
  /** As it was folded; null: it has no event. */
  readonly summary: unknown;
}

/** As it is stored with the event. */
export type AnnouncedContent = Pick<AnnouncedJob, 'facts' | 'entries'>;
