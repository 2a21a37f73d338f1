/** Texts with merge fields, `Hi {{firstName}}` (docs/email-send.md#merge-fields). Pure. */

/** A text as it is, or the place of a merge field. */
type Part =
  | string
  | {
      readonly name: string;
      /** Of `{{name|fallback}}`; null: the place has none. */
      readonly fallback: string | null;
    };

export type Template = readonly Part[];

const FIELD = /\{\{([^{}]*)\}\}/g;

/** `{{`, `}}` and braces around a field are literal text here: CSS and scripts have them. See `bracesProblem`. */
export function parseTemplate(text: string): Template {
  const parts: Part[] = [];
  let end = 0;
  for (const { 0: whole, 1: inside = '', index } of text.matchAll(FIELD)) {
    if (index > end) parts.push(text.slice(end, index));
    parts.push(splitFallback(inside));
    end = index + whole.length;
  }
  return end < text.length ? [...parts, text.slice(end)] : parts;
}

/** `firstName|there`: the name, and what stands for a value that a recipient lacks. Blanks around both do not matter. */
export function splitFallback(text: string): { readonly name: string; readonly fallback: string | null } {
  const [name = '', ...rest] = text.split('|');
  return { name: name.trim(), fallback: rest.length === 0 ? null : rest.join('|').trim() };
}

/** Braces that are neither a merge field nor harmless, as in `{{name}` and `{{{name}}}`; null: there are none. */
export function bracesProblem(template: Template): string | null {
  const isBroken = template.some((part, index) =>
    typeof part === 'string'
      ? /\{\{|\}\}/.test(part) ||
        (part.endsWith('{') && index < template.length - 1) ||
        (part.startsWith('}') && index > 0)
      : part.name === '',
  );
  return isBroken ? 'has braces that are no merge field; write {{name}}' : null;
}

/** The names of its merge fields, each once. */
export function namesIn(template: Template): readonly string[] {
  return [...new Set(template.flatMap((part) => (typeof part === 'string' ? [] : [part.name])))];
}

/** Every field by `valueOf`, in one pass: what a value contains is never a field itself. */
export function mergeTemplate(template: Template, valueOf: (name: string) => string): string {
  return template.map((part) => (typeof part === 'string' ? part : valueOf(part.name))).join('');
}
