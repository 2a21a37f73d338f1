/** Vitest's global setup: builds dist once, so that the workers and commands that tests start need neither tsx nor webpack. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** On the global object, because each project loads this file again. */
const shared = globalThis as { cxflowTestBuild?: Promise<void> };

export default function setup(): Promise<void> {
  return (shared.cxflowTestBuild ??= build());
}

async function build(): Promise<void> {
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, '--no-check'], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error('dist could not be built (see above)');
}
