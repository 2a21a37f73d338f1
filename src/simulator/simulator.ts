/** The CXone stand-in: a server of its own with the five token endpoints, the families' routes, faults and a journal. */
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import { registerAccess } from './access.ts';
import { registerAdmin } from './admin.routes.ts';
import { registerContactLists } from './contactlists.routes.ts';
import { createContactLists } from './contactlists.state.ts';
import { registerFaults } from './fault-hooks.ts';
import { createFaultPlan, type FaultRule } from './faults.ts';
import { createJournal, type EntryOf, type JournalEntry } from './journal.ts';
import { registerPreferencesAdmin } from './preferences.admin.ts';
import { registerPreferences } from './preferences.routes.ts';
import { createPreferences, type PreferenceEntry } from './preferences.state.ts';
import { registerOutboundAdmin } from './outbound.admin.ts';
import { createEditors } from './outbound.editors.ts';
import { registerOutbound } from './outbound.routes.ts';
import { type CampaignEntry, createCampaigns } from './outbound.state.ts';
import { createRateLimiter } from './rate-limiter.ts';
import { DEFAULT_SETTINGS, SETTINGS, type Settings } from './settings.ts';
import { registerStats } from './stats.ts';
import { registerTokenRoutes } from './token.routes.ts';
import { createTokenStore } from './tokens.ts';
import { registerWebhooks } from './webhooks.routes.ts';

export interface SimulatorOptions extends Partial<Settings> {
  /** Default 0: any free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Of the faults' probabilities. Default 1. */
  readonly seed?: number;
  readonly faults?: readonly FaultRule[];
  /** NDJSON; what an earlier simulator wrote into it is there again. Default: memory only. */
  readonly journalPath?: string | null;
  /** Client id → secret. Default: any client is known. */
  readonly clients?: Readonly<Record<string, string>> | null;
  /** For tests. */
  readonly nowMs?: () => number;
}

export interface Simulator {
  /** Errors: an unreadable journal; a port that is taken. */
  listen(): Promise<{ readonly url: string }>;
  /** Cuts open connections. */
  close(): Promise<void>;
}

/** A batch of 100 records with many custom fields. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Errors: ZodError for settings or fault rules that are none. */
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
  const settings = settingsOf(options);
  const faults = createFaultPlan(seed, options.faults);
  const journal = createJournal(options.journalPath ?? null, nowMs);
  const lists = createContactLists();
  const preferences = createPreferences();
  const campaigns = createCampaigns(journal);
  const editors = createEditors(campaigns);
  const tokens = createTokenStore(settings, nowMs);
  const limiter = createRateLimiter(settings, nowMs);

  const app = Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    // As nginx has it: a client that sleeps for a minute finds its connection again.
    keepAliveTimeout: 75_000,
    // Bodies are checked field by field and never merged into anything; the search for `__proto__` takes its time.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
  });
  answerErrorsPlainly(app);
  // The order is that of what happens to a request: counted, struck, let in, answered.
  const stats = registerStats(app, nowMs);
  registerFaults(app, faults, settings);
  registerAccess(app, { tokens, limiter, settings, stats, nowMs });
  registerTokenRoutes(app, { tokens, clients: options.clients ?? null });
  registerContactLists(app, { lists, journal, settings, nowMs });
  registerPreferences(app, { preferences, journal, settings, nowMs });
  registerOutbound(app, { campaigns, editors, settings, nowMs });
  registerAdmin(app, { lists, journal, settings, nowMs, faults, stats, tokens, seed });
  registerPreferencesAdmin(app, { preferences, journal, settings, nowMs });
  registerOutboundAdmin(app, { campaigns, editors });
  registerWebhooks(app, nowMs);
  const restore = (entry: EntryOf<object>): void => {
    if (entry.family === 'contactlists') lists.restore(entry as JournalEntry);
    if (entry.family === 'outbound') campaigns.restore(entry as CampaignEntry);
    if (entry.family === 'preferences') preferences.restore(entry as PreferenceEntry);
  };
  return { app, journal, restore };
}

function settingsOf(options: SimulatorOptions): Settings {
  const names = Object.keys(SETTINGS.shape) as (keyof Settings)[];
  const given = names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return SETTINGS.parse({ ...DEFAULT_SETTINGS, ...Object.fromEntries(given) });
}

/** As CXone's refusals look: `{"message": …}`. */
function answerErrorsPlainly(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ message: `no such route: ${request.method}` }),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error instanceof ZodError ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send({ message: error.message });
  });
}
