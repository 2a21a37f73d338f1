#!/usr/bin/env node
// In a clone this runs the sources through tsx. In a package, or with CXFLOW_FROM=dist, it runs the build.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whether the package contains this file or folder. */
const exists = (path) => existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url)));

async function loadMain() {
  if (process.env.CXFLOW_FROM !== 'dist' && exists('src/cli/main.ts')) {
    if (!exists('node_modules/tsx'))
      throw new Error('the packages are not installed; install them with: npm run setup');
    const { register } = await import('tsx/esm/api');
    register();
    return import('../src/cli/main.ts');
  }
  if (exists('dist/cli/main.js')) return import('../dist/cli/main.js');
  throw new Error('cxflow is not built; build it with: npm run setup && npm run build');
}

try {
  const { main } = await loadMain();
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cxflow: ${process.env.CXFLOW_DEBUG ? error.stack : error.message}\n`);
  process.exitCode = 1;
}
