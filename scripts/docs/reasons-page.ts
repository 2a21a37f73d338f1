/** docs/reasons.md: what the code of each reason means. */
import { REASONS } from '../../src/domain/reasons.ts';
import { code, table } from './markdown.ts';

const HEAD = `# Reasons

<!-- Generated from src/domain/reasons.ts by \`npm run docs\`. Change the sentences there. -->

Why a record has its outcome. A record can have several reasons. \`cxflow records\` and the report show the sentence of each; a
message in parentheses adds what is known of the record, and never a value of it. Codes do not change, so programs may rely
on them. Codes that are missing here are CXone's own, and come with its message.
`;

export function renderReasonsPage(): string {
  const rows = Object.entries(REASONS).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${HEAD}
${table(
  ['reason', 'meaning'],
  rows.map(([reason, meaning]) => [code(reason), meaning]),
)}
`;
}
