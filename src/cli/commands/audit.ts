/** `cxflow audit` and `cxflow audit verify`: what was done, by whom, when; and whether anybody changed that since. */
import type { AuditEntry } from '../../ledger/audit/audit.ts';
import { type Cli, outputOf, withSession, writeJson } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { formatTime, plural, printable } from '../terminal/format.ts';
import { writeAll } from '../terminal/output-stream.ts';
import { type AddCommand, examples, JSON_HELP } from './command.ts';

export const addAudit: AddCommand = (parent, cli, finish) => {
  const lines = [
    ['audit --run contact-import:L1:3f9a0c', 'one run, from its first word to its last'],
    ['audit verify', 'recompute the whole chain; exit 1 if an entry was changed, removed or moved'],
  ] as const;
  const audit = parent
    .command('audit')
    .summary('show the audit; `audit verify` checks its chain')
    .description('Shows the audit: what was done, by whom, when. It holds no personal data.')
    .option('--run <run>', 'of one run only')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, lines))
    .action(async (options: { run?: string; json?: boolean }) => finish(await listAudit(cli, options)));
  audit
    .command('verify')
    .summary('check that no entry was changed, removed or moved')
    .description(
      'Recomputes the hash of every entry. Keep the head elsewhere: then a tail that was cut off shows, too.',
    )
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [['audit verify --json', 'for a script; exit code 1 on a finding']]))
    .action(async (_: unknown, command: { optsWithGlobals(): { json?: boolean } }) =>
      finish(await verifyAudit(cli, command.optsWithGlobals())),
    );
};

export async function listAudit(
  cli: Cli,
  { run, json = false }: { run?: string; json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const entries = ledger.audit.list(run);
    await writeAll(cli.stdout, json ? asJson(entries) : asLines(entries));
    return EXIT.ok;
  });
}

async function* asLines(entries: AsyncIterable<AuditEntry>): AsyncIterable<string> {
  for await (const { seq, at, action, run_id: runId, data } of entries) {
    yield `${seq.padStart(6)}  ${formatTime(at)}  ${action}  ${printable(runId)}  ${JSON.stringify(data)}\n`;
  }
}

async function* asJson(entries: AsyncIterable<AuditEntry>): AsyncIterable<string> {
  let separator = '\n';
  yield '{"entries": [';
  for await (const {
    seq,
    audit_id: auditId,
    run_id: runId,
    at,
    action,
    data,
    previous_hash,
    hash,
  } of entries) {
    const entry = { seq: Number(seq), auditId, runId, at, action, data, previousHash: previous_hash, hash };
    yield `${separator}${JSON.stringify(entry)}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

export async function verifyAudit(cli: Cli, { json = false }: { json?: boolean }): Promise<ExitCode> {
  return withSession(cli, async ({ ledger }) => {
    const verdict = await ledger.audit.verify();
    const { say, colors } = outputOf(cli, json);
    const { entries, unsealed, head, finding } = verdict;
    if (finding) say(colors.red(`finding: ${finding.what}`));
    else say(`${colors.green('ok')}: ${plural(entries, 'entry')} in a row, head ${head}`);
    if (unsealed > 0) say(`${plural(unsealed, 'entry')} not sealed yet; a worker does that within a second`);
    if (json) writeJson(cli, verdict);
    return finding ? EXIT.failed : EXIT.ok;
  });
}
