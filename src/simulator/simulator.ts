/** The CXone simulator: an HTTP server with the five token endpoints, the families' routes, faults and a journal. */
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import { registerAccess } from './access.ts';
import { registerAdmin } from './admin.routes.ts';
import { registerContactLists } from './contactlists.routes.ts';
import { createContactLists } from './contactlists.state.ts';
import { registerEmailAdmin } from './email.admin.ts';
import type { EmailPlanInput } from './email.plan.ts';
import { registerEmail } from './email.routes.ts';
import { createEmailState } from './email.state.ts';
import { registerFaults } from './fault-hooks.ts';
import { createFaultPlan, type FaultRule } from './faults.ts';
import { createJournal, type Entry, type JournalEntry } from './journal.ts';
import { registerListsAdmin } from './lists.admin.ts';
import { registerLists } from './lists.routes.ts';
import { createCampaignLists } from './lists.state.ts';
import { registerOutboundAdmin } from './outbound.admin.ts';
import { createEditors } from './outbound.editors.ts';
import { registerOutbound } from './outbound.routes.ts';
import { type CampaignEntry, createCampaigns } from './outbound.state.ts';
import { registerPreferencesAdmin } from './preferences.admin.ts';
import { registerPreferences } from './preferences.routes.ts';
import { createPreferences, type PreferenceEntry } from './preferences.state.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { DEFAULT_SETTINGS, SETTINGS, type Settings } from './settings.ts';
import { registerStats } from './stats.ts';
import { registerTokenRoutes } from './token.routes.ts';
import { createTokenStore } from './tokens.ts';
import { registerWebhooks } from './webhooks.routes.ts';

export interface SimulatorOptions extends Partial<Settings> {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Seed for the probabilities of faults; default 1. */
  readonly seed?: number;
  readonly faults?: readonly FaultRule[];
  /** What becomes of emails; default: they are delivered. */
  readonly email?: EmailPlanInput;
  /** An NDJSON file; an existing one is read first and continued. Default: memory only. */
  readonly journalPath?: string | null;
  /** Client id → secret. Default: any client is accepted. */
  readonly clients?: Readonly<Record<string, string>> | null;
  /** For tests. */
  readonly nowMs?: () => number;
}

export interface Simulator {
  /** Errors: an unreadable journal, a port in use. */
  listen(): Promise<{ readonly url: string }>;
  /** Closes open connections too. */
  close(): Promise<void>;
}

/** Enough for a batch of 100 records with many custom fields, or of 500 items. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Errors: ZodError for invalid settings, fault rules or rules for emails. */
export function createSimulator(options: SimulatorOptions = {}): Simulator {
  const { app, journal, restore } = build(options);
  return {
    async listen() {
      await journal.open(restore);
      return { url: await app.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1' }) };
    },
    async close() {
      await app.close();
      journal.close();
    },
  };
}

function build(options: SimulatorOptions) {
  const nowMs = options.nowMs ?? Date.now;
  const seed = options.seed ?? 1;
  const settings = readSettings(options);
  const faults = createFaultPlan(seed, options.faults);
  const journal = createJournal(options.journalPath ?? null, nowMs);
  const lists = createContactLists();
  const preferences = createPreferences();
  const campaigns = createCampaigns(journal);
  const campaignLists = createCampaignLists(journal);
  const email = createEmailState(journal, seed, options.email);
  const editors = createEditors(campaigns);
  const tokens = createTokenStore(settings, nowMs);
  const limiter = createRateLimiter(settings, nowMs);

  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    // The same as nginx, so that a client may keep an idle connection for a minute.
    keepAliveTimeout: 75_000,
    // Searching bodies for `__proto__` is slow, and unnecessary here: they are read field by field and never merged.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
  });
  registerErrors(app);
  // Hooks run in this order: a request is counted, then a fault is injected, then access is checked.
  const stats = registerStats(app, nowMs);
  registerFaults(app, faults, settings);
  registerAccess(app, { tokens, limiter, settings, stats, nowMs });
  registerTokenRoutes(app, { tokens, clients: options.clients ?? null });
  registerContactLists(app, { lists, journal, settings, nowMs });
  registerPreferences(app, { preferences, journal, settings, nowMs });
  registerOutbound(app, { campaigns, editors, settings, nowMs });
  registerLists(app, { campaignLists, settings });
  registerEmail(app, { email, settings, seed, nowMs });
  registerAdmin(app, { lists, journal, settings, nowMs, faults, stats, tokens, seed });
  registerPreferencesAdmin(app, { preferences, journal, settings, nowMs });
  registerOutboundAdmin(app, { campaigns, editors });
  registerListsAdmin(app, campaignLists);
  registerEmailAdmin(app, { email, settings, seed, nowMs });
  registerWebhooks(app, nowMs);
  const restore = (entry: Entry<object>): void => {
    if (entry.family === 'contactlists') lists.restore(entry as JournalEntry);
    if (entry.family === 'lists') campaignLists.restore(entry);
    if (entry.family === 'email') email.restore(entry);
    if (entry.family === 'outbound') campaigns.restore(entry as CampaignEntry);
    if (entry.family === 'preferences') preferences.restore(entry as PreferenceEntry);
  };
  return { app, journal, restore };
}

function readSettings(options: SimulatorOptions): Settings {
  const names = Object.keys(SETTINGS.shape) as (keyof Settings)[];
  const given = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return SETTINGS.parse({ ...DEFAULT_SETTINGS, ...Object.fromEntries(given) });
}

/** Errors have the form of CXone's: `{"message": …}`. */
function registerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ message: `no such route: ${request.method}` }),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error instanceof ZodError ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send({ message: error.message });
  });
}
