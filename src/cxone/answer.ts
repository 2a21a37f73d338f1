/** An answer that came: its status, and its body once a schema has judged it. */
import type { z } from 'zod';
import { CxoneUnreadable, type RequestContext } from './errors.ts';

export interface Answer {
  readonly status: number;
  readonly requestId: string;
  /** As the schema has it. Errors: CxoneUnreadable where the body is not JSON or not of this shape. */
  read<T>(schema: z.ZodType<T>): T;
  /** The same for refusals, which need not be readable to be refusals: null instead of an error. */
  readIfPossible<T>(schema: z.ZodType<T>): T | null;
  /** Its name in small letters. */
  header(name: string): string | null;
  /** Nothing but white space in it. */
  readonly isEmpty: boolean;
  unreadable(what: string): CxoneUnreadable;
}

export function answerOf(
  body: string | null,
  context: RequestContext,
  headers: Readonly<Record<string, unknown>> = {},
): Answer {
  const unreadable = (what: string) => new CxoneUnreadable(context, what);
  const parse = <T>(schema: z.ZodType<T>): { readonly value: T } | { readonly wrong: string } => {
    if (body === null) return { wrong: 'cut off or too long' };
    let json: unknown;
    try {
      json = JSON.parse(body);
    } catch {
      return { wrong: 'not JSON' };
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return { value: parsed.data };
    // Paths and codes only: zod's messages may quote values.
    const where = parsed.error.issues.slice(0, 3).map((issue) => `${issue.path.join('.')} ${issue.code}`);
    return { wrong: `another shape: ${where.join(', ')}` };
  };
  return {
    status: context.status ?? 0,
    requestId: context.requestId ?? '',
    isEmpty: body !== null && body.trim() === '',
    unreadable,
    header(name) {
      const value = headers[name];
      return typeof value === 'string' ? value : null;
    },
    read(schema) {
      const parsed = parse(schema);
      if ('wrong' in parsed) throw unreadable(parsed.wrong);
      return parsed.value;
    },
    readIfPossible(schema) {
      const parsed = parse(schema);
      return 'wrong' in parsed ? null : parsed.value;
    },
  };
}
