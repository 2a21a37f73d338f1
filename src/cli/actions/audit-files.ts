/** What leaves the audit, and is checked without the ledger: its head, an export, the root of a run, a receipt. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { plural } from '../../domain/numbers.ts';
import type { AuditVerdict } from '../../ledger/audit/audit.ts';
import { type AuditHead, type VerifyOptions, verifyChain } from '../../ledger/audit/chain.ts';
import {
  type AuditRoot,
  auditReceipt,
  checkReceipt,
  formatExported,
  NotExported,
  proveEntry,
  readExported,
  rootOfRun,
} from '../../queries/audit-files.ts';
import { requireReadable } from '../../sources/files.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { createLineDrawer, type Output, openOutput, printJson } from '../terminal/output.ts';
import { requireWritable, writeAll, writeWholeFile } from '../terminal/output-stream.ts';
import { printable, toJson } from '../terminal/sanitize.ts';
import { findRunId } from './find-run.ts';
import { readJsonInput } from './standard-input.ts';

export interface JsonOption {
  readonly json?: boolean;
}

export interface VerifyAuditOptions extends JsonOption {
  readonly head?: AuditHead;
  readonly file?: string;
}

const formatHead = ({ seq, hash }: AuditHead): string => `${seq}:${hash}`;
const formatRoot = ({ entries, root }: AuditRoot): string => `${entries}:${root}`;

/** Throws UsageError, SourceError. */
export async function verifyAudit(
  cli: Cli,
  { head, file, json = false }: VerifyAuditOptions,
): Promise<ExitCode> {
  const output = openOutput(cli, json);
  const draw = createLineDrawer(output);
  const onProgress = (entries: number) => draw(`checking  ${plural(entries, 'entry')}`);
  const options = { kept: head ?? null, onProgress };
  const verdict = await (file === undefined
    ? withSession(cli, ({ ledger }) => ledger.audit.verify(options))
    : verifyFile(file, options)
  ).finally(() => draw(''));
  printVerdict(output, verdict);
  if (json) printJson(cli, verdict);
  return verdict.finding ? EXIT.failed : EXIT.ok;
}

/** Nothing in a file waits to be sealed. */
async function verifyFile(file: string, options: VerifyOptions): Promise<AuditVerdict> {
  await requireReadable(file);
  try {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
    return { ...(await verifyChain(readExported(lines), options)), unsealed: 0 };
  } catch (error) {
    if (error instanceof NotExported)
      throw new UsageError(`${file}: ${error.message}. \`audit export\` writes such files`);
    throw error;
  }
}

function printVerdict({ print, colors }: Output, { entries, unsealed, head, finding }: AuditVerdict): void {
  if (finding) print(colors.red(`finding: ${finding.what}`));
  else {
    print(`${colors.green('ok')}: the chain of ${plural(entries, 'entry')} is intact`);
    if (entries > 0) print(`head: ${formatHead({ seq: entries, hash: head })}`);
  }
  if (unsealed > 0) print(`${plural(unsealed, 'entry')} not sealed yet; a worker seals them within a second`);
}

export async function showHead(cli: Cli, { json = false }: JsonOption): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const head = await ledger.audit.head();
    // Not on stdout, which may go into the file of heads.
    if (!head) openOutput(cli, true).print('the audit has no sealed entry yet');
    else openOutput(cli, json).print(formatHead(head));
    if (json) printJson(cli, head);
    return EXIT.ok;
  });
}

/** Throws NotWritable, NotWritten. */
export async function exportAudit(
  cli: Cli,
  { out, json = false }: { readonly out: string } & JsonOption,
): Promise<ExitCode> {
  await requireWritable(out);
  return withSession(cli, async ({ ledger }) => {
    const output = openOutput(cli, json);
    const draw = createLineDrawer(output);
    let head: AuditHead | null = null;
    async function* lines(): AsyncIterable<string> {
      for await (const entry of ledger.audit.list()) {
        head = { seq: Number(entry.seq), hash: entry.hash };
        if (head.seq % 1_000 === 0) draw(`writing  ${plural(head.seq, 'entry')}`);
        yield `${formatExported(entry)}\n`;
      }
    }
    await writeWholeFile(out, lines()).finally(() => draw(''));
    const last = head as AuditHead | null;
    output.print(`${plural(last?.seq ?? 0, 'entry')} → ${printable(out)}`);
    if (last) output.print(`head: ${formatHead(last)}`);
    if (json) printJson(cli, { entries: last?.seq ?? 0, head: last, file: out });
    return EXIT.ok;
  });
}

/** Throws UsageError. */
export async function showRoot(cli: Cli, run: string, { json = false }: JsonOption): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const root = await rootOfRun(session.ledger.audit, await auditedRun(cli, session, run));
    if (!root) throw new UsageError(`${run} has no sealed entry in the audit`);
    const { print } = openOutput(cli, json);
    print(formatRoot(root));
    if (json) printJson(cli, root);
    return EXIT.ok;
  });
}

/** What is not a run has entries as well, such as `suppressions`. */
async function auditedRun(cli: Cli, session: Session, run: string): Promise<string> {
  return (await session.ledger.audit.hashes(run)).length > 0 ? run : findRunId(cli, session, run);
}

export interface ProveOptions {
  readonly entries?: number;
  readonly out?: string;
}

/** Prints the receipt, or writes it into a file. Throws UsageError, NotWritable, NotWritten. */
export async function proveAuditEntry(
  cli: Cli,
  seq: number,
  { entries, out }: ProveOptions,
): Promise<ExitCode> {
  if (out !== undefined) await requireWritable(out);
  return withSession(cli, async ({ ledger }) => {
    const receipt = await proveEntry(ledger.audit, seq, entries);
    if (!receipt) {
      const among =
        entries === undefined ? '' : ` among the first ${entries} of its run, or the run has fewer`;
      throw new UsageError(`the audit has no sealed entry ${seq}${among}`);
    }
    const { print, colors } = openOutput(cli, true);
    const problem = checkReceipt(receipt);
    if (problem !== null) {
      print(colors.red(`finding: entry ${seq} is not as it was sealed (${problem})`));
      return EXIT.failed;
    }
    const text = `${toJson(receipt)}\n`;
    await (out === undefined ? writeAll(cli.stdout, [text]) : writeWholeFile(out, [text]));
    const { runId } = receipt.entry;
    print(
      `proves entry ${seq} to anyone who was given this root of ${printable(runId)}: ${formatRoot(receipt)}`,
    );
    return EXIT.ok;
  });
}

export interface CheckReceiptOptions extends JsonOption {
  readonly root: AuditRoot;
}

/** Needs no server. Throws UsageError. */
export async function checkAuditReceipt(
  cli: Cli,
  file: string,
  { root, json = false }: CheckReceiptOptions,
): Promise<ExitCode> {
  const read = auditReceipt.safeParse(await readJsonInput(cli, file));
  if (!read.success) {
    const [issue] = read.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw new UsageError(`${file}: not an audit receipt: ${where} ${issue?.message ?? ''}`.trim());
  }
  const { entry, position, entries } = read.data;
  const problem = checkReceipt(read.data, root);
  const { print, colors } = openOutput(cli, json);
  if (problem !== null) print(colors.red(`finding: ${problem}`));
  else {
    print(`${colors.green('ok')}: it is entry ${position} of ${entries} of ${printable(entry.runId)}`);
    print(`${entry.at}  ${printable(entry.action)}  ${printable(JSON.stringify(entry.data))}`);
  }
  if (json) printJson(cli, { ok: problem === null, problem, entry });
  return problem === null ? EXIT.ok : EXIT.failed;
}
