/** The audit as a table, entry by entry, because nobody knows how long it is. Pure. */
import { formatCount } from '../../domain/numbers.ts';
import type { AuditEntry } from '../../ledger/audit/chain.ts';
import { formatTime, spaced, wrapText } from '../terminal/format.ts';
import type { Colors } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';

/** One for each batch or job: a run of a million records has ten thousand of them. */
const OF_BATCHES = ['batch_settled', 'email_job_completed', 'email_job_updated'];

export function isOfBatch({ action }: Pick<AuditEntry, 'action'>): boolean {
  return OF_BATCHES.includes(action);
}

const WIDTHS = { entry: 6, when: 19, what: 19 };
const HEAD = layOut(['entry', 'when', 'what', 'details']);
const INDENT = HEAD.indexOf('details');
/** Less than this beside the rest would be a column of single words. */
const FEWEST_COLUMNS = 28;

/** The head, and the lines of each entry. `columns`: of the terminal; no word is broken there unless it is longer. */
export function createAuditTable(colors: Colors, columns: number) {
  let run: string | null = null;
  return {
    head: HEAD,
    /** `ofRun`: all entries are of the same run, which the caller has named. */
    entry(entry: AuditEntry, ofRun: boolean): string {
      const { seq, at, action, run_id: runId, data } = entry;
      const heading = ofRun || runId === run ? [] : [colors.bold(printable(runId))];
      run = runId;
      const about = describe(data);
      const isNarrow = columns - INDENT < FEWEST_COLUMNS;
      const indent = isNarrow ? 4 : INDENT;
      const details = Number.isFinite(columns) ? wrapText(about, columns - indent) : [about];
      const beside = isNarrow ? '' : (details.shift() ?? '');
      const line = layOut([seq, formatTime(at), spaced(action), beside]);
      return [...heading, line, ...details.map((each) => `${' '.repeat(indent)}${each}`)]
        .filter((each) => each !== '')
        .join('\n');
    },
  };
}

function layOut([entry, when, what, details]: readonly [string, string, string, string]): string {
  const cells = [entry.padStart(WIDTHS.entry), when.padEnd(WIDTHS.when), what.padEnd(WIDTHS.what), details];
  return cells.join('  ').trimEnd();
}

/** Who and why come first. What is nested deeper than counts, and hashes of files, are in the JSON document only. */
function describe(data: unknown): string {
  const { action: _, sha256: __, by, requestedBy, reason, planHash, hash, counts, ...rest } = data as Data;
  const facts = [
    fact('by', by ?? requestedBy),
    fact('because', reason),
    fact('plan', planHash ?? hash),
    ...Object.entries(rest).map(([name, value]) => fact(words(name), value)),
    ...(isData(counts)
      ? Object.entries(counts).map(([name, n]) => n !== 0 && `${show(n)} ${spaced(name)}`)
      : []),
  ];
  return printable(facts.filter((each) => each !== false).join(', '));
}

type Data = Readonly<Record<string, unknown>>;

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fact(name: string, value: unknown): string | false {
  if (value === true) return name;
  if (value === undefined || value === null || value === false || typeof value === 'object') return false;
  return `${name} ${show(value)}`;
}

function show(value: unknown): string {
  return typeof value === 'number' && Number.isInteger(value) ? formatCount(value) : String(value);
}

/** `toWrite` → `to write` */
function words(name: string): string {
  return spaced(name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
}
