/** `npm run docs`: writes the generated pages. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATED_PAGES } from './pages.ts';

const root = join(import.meta.dirname, '../..');
for (const [path, render] of Object.entries(GENERATED_PAGES)) writeFileSync(join(root, path), render());
