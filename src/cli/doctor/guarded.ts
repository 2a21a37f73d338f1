/** An examiner that breaks is a finding too: the doctor goes on to the next one. */
import { isGrpcServiceError } from '@temporalio/client';
import { type Finding, problem } from './finding.ts';

export interface Examination {
  readonly name: string;
  /** What to do where it could not be ended. */
  readonly next: string;
  readonly look: () => AsyncIterable<Finding> | Promise<Finding>;
}

export async function* guarded({ name, next, look }: Examination): AsyncIterable<Finding> {
  try {
    const findings = look();
    if ('then' in findings) yield await findings;
    else yield* findings;
  } catch (error) {
    yield problem(name, `cannot be looked at: ${reasonOf(error)}`, next);
  }
}

/** The first line of what an error says; of gRPC's the server's own words. */
export function reasonOf(error: unknown): string {
  if (isGrpcServiceError(error) && error.details) return firstLine(error.details);
  return firstLine(error instanceof Error ? error.message || error.name : String(error));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? '';
}
