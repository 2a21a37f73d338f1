/** An answer of CXone: its status, and its body once a schema has validated it. */
import { z } from 'zod';
import { CxoneTooLong, CxoneUnreadable, type RequestContext } from './errors.ts';
import { isExactSchema, isInexact } from './exact.wire.ts';
import { parseExactJson, parseJson } from './json.ts';
import { toName } from './text.wire.ts';

export interface Answer {
  readonly status: number;
  readonly requestId: string;
  /**
   * Throws CxoneUnreadable if the body is not JSON or does not match the schema. The empty body of a refusal counts as `{}`.
   */
  read<T>(schema: z.ZodType<T>): T;
  /** null if the body cannot be read: for what is useful but not needed. */
  tryRead<T>(schema: z.ZodType<T>): T | null;
  /** @param name in lower case */
  header(name: string): string | null;
  /** The body is empty or white space. */
  readonly isEmpty: boolean;
  /** false: the body is truncated or too long. */
  readonly isWhole: boolean;
  /** The error for an answer that is well formed but makes no sense. */
  unreadable(what: string): CxoneUnreadable;
  /** The error for a read of several answers that does not end here. */
  tooLong(what: string): CxoneTooLong;
}

export function createAnswer(
  body: string | null,
  context: RequestContext,
  headers: Readonly<Record<string, unknown>> = {},
): Answer {
  const isRefusal = (context.status ?? 0) >= 300;
  const isEmpty = body !== null && body.trim() === '';
  const unreadable = (what: string, inexact = false) =>
    new CxoneUnreadable(context, what, isRefusal ? 'no' : 'unknown', inexact);
  const parse = <T>(schema: z.ZodType<T>): { readonly value: T } | { readonly error: CxoneUnreadable } => {
    if (body === null) return { error: unreadable('truncated or too long') };
    let json: unknown;
    try {
      const parseBody = isExactSchema(schema) ? parseExactJson : parseJson;
      json = isRefusal && isEmpty ? {} : parseBody(body);
    } catch {
      return { error: unreadable('not JSON') };
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return { value: parsed.data };
    const where = parsed.error.issues.slice(0, 3).map(describeIssue);
    return { error: unreadable(`another shape: ${where.join(', ')}`, parsed.error.issues.every(isInexact)) };
  };
  return {
    status: context.status ?? 0,
    requestId: context.requestId ?? '',
    isEmpty,
    isWhole: body !== null,
    unreadable,
    tooLong: (what) => new CxoneTooLong(context, what),
    header(name) {
      const value = headers[name];
      return typeof value === 'string' ? value : null;
    },
    read(schema) {
      const parsed = parse(schema);
      if ('error' in parsed) throw parsed.error;
      return parsed.value;
    },
    tryRead(schema) {
      const parsed = parse(schema);
      return 'error' in parsed ? null : parsed.value;
    },
  };
}

/** Path and code, or our own message, because zod's messages may quote values. */
function describeIssue({ path, code, message }: z.core.$ZodIssue): string {
  const where = path.length === 0 ? 'the whole' : toName(path.join('.'));
  return `${where} ${code === 'custom' ? message : code}`;
}

/**
 * For a 2xx whose body is not documented: a login page or a truncated object is certainly not one. Throws CxoneUnreadable.
 */
export function requireReadable(answer: Answer): void {
  if (answer.status < 300 && !answer.isEmpty) answer.read(z.unknown());
}
