import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdminClient } from '../../src/simulator/admin-client.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'read-suppressions.ts');
/** Far too small for a million entries, so a reader that kept them, or their text, would crash. */
const HEAP = '--max-old-space-size=48';
const ENTRIES = 1_000_000;

const simulator = createSimulator({ suppressionsPerPage: 50_000 });
let url = '';
beforeAll(async () => {
  ({ url } = await simulator.listen());
  await createAdminClient(url).seedSuppressions({ replace: true, generated: { count: ENTRIES } });
});
afterAll(() => simulator.close());

describe('memory', () => {
  it.each(['array', 'pages'] as const)('does not grow with the suppressions: %s', async (suppressionsAs) => {
    await createAdminClient(url).change({ suppressionsAs });
    const { stdout } = await run(process.execPath, [HEAP, '--import', 'tsx', SCRIPT, url]);
    const { peakRssMb, ...read } = JSON.parse(stdout) as { peakRssMb: number };
    expect(read).toEqual({ isComplete: true, entries: ENTRIES, identified: ENTRIES });
    // Buffers are outside of that heap. About 130 MB if nothing is kept.
    expect(peakRssMb).toBeLessThan(200);
  });
});
