/**
 * The pages that are generated from the source code, and the parts of other files. test/docs.test.ts checks that they are up
 * to date.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderCommandsPage } from './commands-page.ts';
import { EMAIL_EVENT_TABLES } from './email-events.ts';
import { renderOperationComments, renderOperations } from './operations.ts';
import { renderReasonsPage } from './reasons-page.ts';
import { renderSchema, SCHEMA_TYPES } from './schemas.ts';
import { renderSettingsPage } from './settings-page.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Path in the repository → its content. */
export const GENERATED_PAGES: Readonly<Record<string, () => string>> = {
  'docs/commands.md': renderCommandsPage,
  'docs/reasons.md': renderReasonsPage,
  'docs/settings.md': renderSettingsPage,
  ...Object.fromEntries(SCHEMA_TYPES.map((type) => [`docs/schemas/${type}.json`, () => renderSchema(type)])),
  'docs/deployment.md': () => replaceParts('docs/deployment.md', [renderOperations({ withFamily: true })]),
  'docs/email-send-events.md': () =>
    replaceParts(
      'docs/email-send-events.md',
      EMAIL_EVENT_TABLES.map((render) => render()),
    ),
  'README.md': () => replaceParts('README.md', [renderOperations({ withFamily: false })]),
  'docker-compose.yml': () => replaceParts('docker-compose.yml', [renderOperationComments()]),
};

/** Everything between these two lines, which are comments of Markdown or YAML. */
const PART =
  /^((?:<!--|#) Generated from src\/\S+ by `npm run docs`.*\n)[^]*?\n((?:<!--|#) End of what is generated.*)$/gm;

/** @param parts in the order of their places. Throws if the file has not as many places */
function replaceParts(path: string, parts: readonly string[]): string {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const places = text.match(PART)?.length ?? 0;
  if (places !== parts.length) throw new Error(`${path} has ${places} places for ${parts.length} parts`);
  const rest = [...parts];
  return text.replace(PART, (_, before: string, after: string) => {
    const gap = after.startsWith('#') ? '' : '\n';
    return `${before}${gap}${rest.shift()}\n${gap}${after}`;
  });
}
