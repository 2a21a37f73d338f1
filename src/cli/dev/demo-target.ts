/** Made-up contacts go into a simulator and nowhere else: what the environment names could be a tenant. */
import type { Env } from '../cli.ts';
import { UsageError } from '../errors.ts';

const ANSWER_WITHIN_MS = 3_000;

/** `simulatorUrl`: of a stack that runs here; undefined: none runs, and one will be started. Errors: UsageError. */
export async function requireSimulator(
  env: Env,
  simulatorUrl: string | null | undefined,
  isSimulator: (url: string) => Promise<boolean> = answersAsSimulator,
): Promise<void> {
  if (simulatorUrl) return;
  if (env.CXONE_API_URL) {
    if (await isSimulator(env.CXONE_API_URL)) return;
    throw refusal('CXONE_API_URL does not name a simulator');
  }
  if (simulatorUrl === null) throw refusal('the stack that runs in this folder has no simulator');
  if (env.DATABASE_URL && env.TEMPORAL_ADDRESS) {
    throw refusal('DATABASE_URL and TEMPORAL_ADDRESS are set, so that workers of elsewhere could write them');
  }
}

function refusal(why: string): UsageError {
  return new UsageError(
    `the demo writes made-up contacts, and only into a simulator; but ${why}. Unset it, or stop it`,
  );
}

async function answersAsSimulator(url: string): Promise<boolean> {
  try {
    const answer = await fetch(new URL('/_sim/health', url), {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const body: unknown = answer.ok ? await answer.json() : null;
    return typeof body === 'object' && body !== null && 'seed' in body;
  } catch {
    return false;
  }
}
