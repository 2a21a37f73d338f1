/** All activities of one worker. Their names are what the Web UI shows, so they are verbs. */
import type { Cxone } from '../cxone/cxone.ts';
import type { SourceLimits } from '../domain/source-limits.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { createConsentActivities } from './consent/eligibility.ts';
import { createEligibilityListActivities } from './consent/eligibility-list.ts';
import { createErasureActivities } from './consent/erasure.ts';
import { defineContactImport } from './contact-import/index.ts';
import { defineEmailSend } from './email-send/index.ts';
import type { EmailSettings } from './email-send/settings.ts';
import type { OperationDefinition } from './engine/definition.ts';
import { createEnding } from './engine/ending.ts';
import { sendHeartbeats } from './engine/heartbeat.ts';
import { createPlanning } from './engine/planning.ts';
import type { RateLimiter } from './engine/rate-limiter.ts';
import { Registry } from './engine/registry.ts';
import { createRunActivities } from './engine/runs.ts';
import { createStaging } from './engine/staging.ts';
import { createWritePage } from './engine/write-page.ts';
import { translateErrors } from './failures.ts';
import { defineListLoad } from './list-load/index.ts';
import type { ListLoadSettings } from './list-load/settings.ts';
import { createDeliveryActivities, type Webhooks } from './outbox/deliver.ts';
import { definePreferenceUpdate } from './preference-update/index.ts';
import { defineSelectionUpdate } from './selection-update/index.ts';

export interface ActivityDeps {
  readonly ledger: Ledger;
  readonly cxone: Cxone;
  readonly rateLimiter: RateLimiter;
  /** Names this process in the ledger. */
  readonly holder: string;
  /** Aborted when the worker is shutting down. */
  readonly draining: AbortSignal;
  readonly sourceDir: string | null;
  /** Default: those of the domain. */
  readonly sourceLimits?: SourceLimits;
  /** CXONE_DUPLICATES_REFUSED */
  readonly duplicatesRefused: boolean;
  readonly searchAttributes: () => boolean;
  readonly webhooks: Webhooks;
  /** CXFLOW_PREFERENCES_PER_BATCH */
  readonly preferencesPerBatch: number;
  /** CXFLOW_PREFERENCES_INTERVAL_MS */
  readonly preferencesIntervalMs: number;
  /** CXONE_IDEMPOTENCY_HOURS */
  readonly keyLifeMs: number;
  readonly listLoad: ListLoadSettings;
  readonly email: EmailSettings;
  /** Logs the original of an error that became a failure. */
  readonly log: (error: unknown, activity: string) => void;
}

interface DefinedOperation {
  readonly definition: OperationDefinition;
  /** Activities of its own, beside those of the engine. */
  readonly activities?: Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;
}
export type OperationDefiner = (deps: ActivityDeps) => DefinedOperation;

/** The registry of operations. Adding one takes a line here; docs: CONTRIBUTING.md, "Add an operation". */
const OPERATIONS = {
  contactImport: defineContactImport,
  emailSend: defineEmailSend,
  listLoad: defineListLoad,
  preferenceUpdate: definePreferenceUpdate,
  selectionUpdate: defineSelectionUpdate,
} satisfies Record<string, OperationDefiner>;

type OwnActivities<Definers extends Record<string, OperationDefiner>> = UnionToIntersection<
  Extract<ReturnType<Definers[keyof Definers]>, { readonly activities: unknown }>['activities']
>;
type UnionToIntersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** `more`: operations beside those of cxflow itself. */
export function createActivities(deps: ActivityDeps, more: Readonly<Record<string, OperationDefiner>> = {}) {
  const operations = Object.values<OperationDefiner>({ ...OPERATIONS, ...more }).map((define) =>
    define(deps),
  );
  const registry = new Registry(
    operations.map(({ definition }) => definition),
    (endpoint) => deps.webhooks[endpoint] !== null,
  );
  const own = Object.assign({}, ...operations.map(({ activities }) => activities)) as OwnActivities<
    typeof OPERATIONS
  >;
  const { ratePerMinute } = deps.rateLimiter;
  const activities = {
    ...createRunActivities({ ...deps, registry }),
    ...createPlanning({ ...deps, registry, ratePerMinute }),
    ...createEnding({ ...deps, registry }),
    ...createStaging({ ...deps, registry }),
    ...createWritePage({ ...deps, registry }),
    ...createDeliveryActivities({ ...deps, registry }),
    ...createConsentActivities(deps),
    ...createEligibilityListActivities(deps),
    ...createErasureActivities(deps),
    ...own,
  };
  return sendHeartbeats(translateErrors(activities, deps.log));
}

export type Activities = ReturnType<typeof createActivities>;
