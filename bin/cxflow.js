#!/usr/bin/env node
// In the repository the sources run (through tsx), elsewhere and with CXFLOW_FROM=dist what is built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const place = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

async function loadMain() {
  if (process.env.CXFLOW_FROM !== 'dist' && existsSync(place('src/cli/main.ts'))) {
    if (!existsSync(place('node_modules/tsx')))
      throw new Error('the packages are not installed: npm run setup');
    const { register } = await import('tsx/esm/api');
    register();
    return import('../src/cli/main.ts');
  }
  if (existsSync(place('dist/cli/main.js'))) return import('../dist/cli/main.js');
  throw new Error('it is not built: npm run setup && npm run build');
}

try {
  const { main } = await loadMain();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cxflow: ${process.env.CXFLOW_DEBUG ? error.stack : error.message}\n`);
  process.exitCode = 1;
}
