/** Makes sure that the demo writes its fictitious contacts to a simulator and never to a tenant. */
import { loadConfig } from '../../config/config.ts';
import type { Env } from '../../config/reader.ts';
import { UsageError } from '../errors.ts';

const TIMEOUT_MS = 3_000;

/**
 * `stackSimulatorUrl`: the simulator of the stack that runs in this folder, null if it has none, undefined if no stack
 * runs and the demo will start one. Throws UsageError.
 */
export async function requireSimulator(
  env: Env,
  stackSimulatorUrl: string | null | undefined,
  isSimulator: (url: string) => Promise<boolean> = answersAsSimulator,
): Promise<void> {
  if (stackSimulatorUrl) return;
  if (env.CXONE_API_URL) {
    const { url } = loadConfig(env).cxone.families.contactlists;
    if (await isSimulator(url)) return;
    const setting = env.CXONE_CONTACTLISTS_URL ? 'CXONE_CONTACTLISTS_URL' : 'CXONE_API_URL';
    throw refusal(`${setting} does not name a simulator`, 'unset it');
  }
  if (stackSimulatorUrl === null) {
    throw refusal('the stack in this folder runs without a simulator', 'stop it');
  }
  if (env.DATABASE_URL && env.TEMPORAL_ADDRESS) {
    const why =
      'DATABASE_URL and TEMPORAL_ADDRESS are set, so workers of another setup could write the contacts';
    throw refusal(why, 'unset them');
  }
}

function refusal(why: string, next: string): UsageError {
  return new UsageError(`the demo writes only to a simulator, but ${why}; ${next} and try again`);
}

async function answersAsSimulator(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(new URL('/_sim/health', url), { signal });
    const body: unknown = answer.ok ? await answer.json() : null;
    return typeof body === 'object' && body !== null && 'seed' in body;
  } catch {
    return false;
  }
}
