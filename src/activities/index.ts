/** All activities of one worker. Their names are what the Web UI shows: verbs. */
import type { OperationKind } from '../contract/operations.ts';
import type { Cxone } from '../cxone/cxone.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Kinds } from './engine/definition.ts';
import { createConsentActivities } from './consent/eligibility.ts';
import { createContactImport } from './contact-import/index.ts';
import { createCrmActivities } from './outbox/deliver.ts';
import { createEligibilityListActivities } from './consent/eligibility-list.ts';
import { createErasureActivities } from './consent/erasure.ts';
import { translated } from './failures.ts';
import type { RateLimiter } from './engine/rate-limiter.ts';
import { createPages } from './engine/write-page.ts';
import { createPreferenceUpdate } from './preference-update/index.ts';
import { createRunActivities } from './engine/runs.ts';
import { createSelectionUpdate } from './selection-update/index.ts';
import { createStaging } from './engine/staging.ts';
import type { PostWebhook } from './outbox/webhook.ts';

export interface ActivityDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  readonly rateLimiter: RateLimiter;
  readonly holder: string;
  readonly draining: AbortSignal;
  readonly sourceDir: string;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
  readonly duplicatesRefused: boolean;
  readonly searchAttributes: () => boolean;
  readonly postWebhook: PostWebhook | null;
  /** Who is told of preferences; a client of its own. */
  readonly postMarketing: PostWebhook | null;
  /** CXONE_IDEMPOTENCY_HOURS */
  readonly keyLifeMs: number;
  /** What became a failure, with its stack, for the worker's log. */
  readonly log: (error: unknown, activity: string) => void;
}

export function createActivities(deps: ActivityDeps) {
  const kinds: Kinds = {
    contactImport: createContactImport(deps),
    preferenceUpdate: createPreferenceUpdate(deps),
  };
  const posts: Readonly<Record<OperationKind, PostWebhook | null>> = {
    contactImport: deps.postWebhook,
    preferenceUpdate: deps.postMarketing,
    selectionUpdate: deps.postWebhook,
  };
  const hasSubscriber = (kind: string): boolean => posts[kind as OperationKind] !== null;
  const { activities: selectionUpdate, result: selectionResult } = createSelectionUpdate({
    ...deps,
    hasSubscriber: hasSubscriber('selectionUpdate'),
  });
  const extras = { selectionUpdate: selectionResult };
  const activities = {
    ...createRunActivities({
      ...deps,
      kinds,
      extras,
      hasSubscriber,
      ratePerMinute: deps.rateLimiter.ratePerMinute,
    }),
    ...createStaging({ ...deps, kinds }),
    ...selectionUpdate,
    ...createPages({ ...deps, kinds, hasSubscriber }),
    ...createCrmActivities({ ...deps, kinds, post: (kind) => posts[kind] }),
    ...createConsentActivities(deps),
    ...createEligibilityListActivities(deps),
    ...createErasureActivities(deps),
  };
  return translated(activities, deps.log);
}

export type Activities = ReturnType<typeof createActivities>;
