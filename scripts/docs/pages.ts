/**
 * The pages that are generated from the source code, and the parts of other files. test/docs.test.ts checks that they are up
 * to date.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderCommandsPage } from './commands-page.ts';
import { renderOperationComments, renderOperations } from './operations.ts';
import { renderSchema, SCHEMA_TYPES } from './schemas.ts';
import { renderSettingsPage } from './settings-page.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Path in the repository → its content. */
export const GENERATED_PAGES: Readonly<Record<string, () => string>> = {
  'docs/commands.md': renderCommandsPage,
  'docs/settings.md': renderSettingsPage,
  ...Object.fromEntries(SCHEMA_TYPES.map((type) => [`docs/schemas/${type}.json`, () => renderSchema(type)])),
  'docs/deployment.md': () => replacePart('docs/deployment.md', renderOperations({ withFamily: true })),
  'README.md': () => replacePart('README.md', renderOperations({ withFamily: false })),
  'docker-compose.yml': () => replacePart('docker-compose.yml', renderOperationComments()),
};

/** Everything between these two lines, which are comments of Markdown or YAML. */
const PART =
  /^((?:<!--|#) Generated from src\/config by `npm run docs`.*\n)[^]*?\n((?:<!--|#) End of what is generated.*)$/m;

/** Throws if the file has no such part. */
function replacePart(path: string, part: string): string {
  const text = readFileSync(join(ROOT, path), 'utf8');
  if (!PART.test(text)) throw new Error(`${path} has no part to generate`);
  return text.replace(PART, (_, before: string, after: string) => {
    const gap = after.startsWith('#') ? '' : '\n';
    return `${before}${gap}${part}\n${gap}${after}`;
  });
}
