/** An examination that throws is a finding as well, so that the doctor continues with the next one. */
import { isGrpcServiceError } from '@temporalio/client';
import { type Finding, problem } from './finding.ts';

export interface Examination {
  readonly name: string;
  /** What to do if the examination throws. */
  readonly next: string;
  readonly examine: () => AsyncIterable<Finding> | Promise<Finding>;
}

export async function* guarded({ name, next, examine }: Examination): AsyncIterable<Finding> {
  try {
    const findings = examine();
    if ('then' in findings) yield await findings;
    else yield* findings;
  } catch (error) {
    yield problem(name, `cannot be examined: ${describeCause(error)}`, next);
  }
}

/** The first line of the message; for a gRPC error, of the server's message. */
export function describeCause(error: unknown): string {
  // Where there is no note, gRPC leaves its label at the end.
  if (isGrpcServiceError(error) && error.details)
    return firstLine(error.details.replace(/\.?\s*Resolution note:\s*$/, ''));
  return firstLine(error instanceof Error ? error.message || error.name : String(error));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? '';
}
