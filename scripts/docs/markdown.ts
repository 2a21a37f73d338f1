/** Markdown of the generated pages. */

export function code(text: string | undefined): string {
  return text ? `\`${text}\`` : 'none';
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
