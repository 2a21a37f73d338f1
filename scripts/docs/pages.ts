/** The pages of docs/ that are generated from the source code. test/docs.test.ts checks that they are up to date. */
import { renderCommandsPage } from './commands-page.ts';
import { renderSchema, SCHEMA_TYPES } from './schemas.ts';
import { renderSettingsPage } from './settings-page.ts';

/** Path in the repository → its content. */
export const GENERATED_PAGES: Readonly<Record<string, () => string>> = {
  'docs/commands.md': renderCommandsPage,
  'docs/settings.md': renderSettingsPage,
  ...Object.fromEntries(SCHEMA_TYPES.map((type) => [`docs/schemas/${type}.json`, () => renderSchema(type)])),
};
