/** All scenarios whose histories are recorded. */
import { CONTACT_IMPORTS } from './contact-import.ts';
import { EMAIL_SENDS } from './email-send.ts';
import { LIST_LOADS } from './list-load.ts';
import { PREFERENCE_UPDATES } from './preference-update.ts';
import { REQUESTS } from './requests.ts';
import type { Scenario } from './scenario.ts';
import { SELECTION_UPDATES } from './selection-update.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...CONTACT_IMPORTS,
  ...EMAIL_SENDS,
  ...LIST_LOADS,
  ...PREFERENCE_UPDATES,
  ...SELECTION_UPDATES,
  ...REQUESTS,
];
