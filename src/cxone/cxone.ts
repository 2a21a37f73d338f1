/** The client for the CXone API. Create one per process: all callers share its tokens and connections. */
import { performance } from 'node:perf_hooks';
import { type ContactLists, createContactLists } from './contact-lists.ts';
import { createEmail, type Email } from './email.ts';
import type { Family } from './families.wire.ts';
import { createFamilyClient, type FamilyClient } from './family.ts';
import { createHttp } from './http.ts';
import { createLists, type Lists } from './lists.ts';
import { createOutbound, type Outbound } from './outbound.ts';
import { createPreferences, type Preferences } from './preferences.ts';
import { DEADLINES, type Deadlines, type FamilySettings, type RequestFacts } from './settings.ts';

export interface CxoneOptions {
  readonly families: Readonly<Record<Family, FamilySettings>>;
  /** Called after every request, including those to token endpoints. */
  readonly onRequest?: (facts: RequestFacts) => void;
  /** For tests. */
  readonly deadlines?: Partial<Deadlines>;
  /** For tests; default `performance.now`. */
  readonly monotonicMs?: () => number;
}

export interface Cxone {
  readonly contactLists: ContactLists;
  readonly preferences: Preferences;
  readonly outbound: Outbound;
  readonly lists: Lists;
  readonly email: Email;
  /** Closes idle connections. */
  close(): void;
}

export function createCxone(options: CxoneOptions): Cxone {
  const http = createHttp();
  const familyClient = (family: Family): FamilyClient =>
    createFamilyClient({
      family,
      settings: options.families[family],
      http,
      deadlines: { ...DEADLINES, ...options.deadlines },
      monotonicMs: options.monotonicMs ?? (() => performance.now()),
      onRequest: options.onRequest ?? (() => {}),
    });
  return {
    contactLists: createContactLists(familyClient('contactlists')),
    preferences: createPreferences(familyClient('preferences')),
    outbound: createOutbound(familyClient('outbound')),
    lists: createLists(familyClient('lists')),
    email: createEmail(familyClient('email')),
    close: () => http.close(),
  };
}
