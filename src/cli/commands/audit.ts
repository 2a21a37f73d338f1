/** `cxflow audit`, `audit verify | head | export | root | prove | check` */
import { type Command, InvalidArgumentError } from 'commander';
import type { AuditHead } from '../../ledger/audit/chain.ts';
import type { AuditRoot } from '../../queries/audit-files.ts';
import type { AuditOptions } from '../actions/audit.ts';
import type {
  CheckReceiptOptions,
  JsonOption,
  ProveOptions,
  VerifyAuditOptions,
} from '../actions/audit-files.ts';
import type { AddCommand } from '../cli.ts';
import { examples, JSON_HELP, paragraphs, RUN_HELP, wholeNumber } from './command.ts';

const EXAMPLES = [
  ['audit --run contact-import:L1:3f9a0c', 'list what happened in one run'],
  ['audit verify', 'recompute the whole chain; exit code 1 if an entry was changed, removed or moved'],
  ['audit prove 1234 --out receipt.json', 'prove one entry to somebody who has no access to the ledger'],
] as const;

export const addAudit: AddCommand = (parent, cli, finish) => {
  const audit = parent
    .command('audit')
    .summary('list the audit; `audit verify` checks its hash chain, `audit prove` writes a receipt')
    .description('Lists what was done, by whom and when. The audit contains no personal data.')
    .option('--run <run>', `only the entries of this run: ${RUN_HELP}`)
    .option('--all', 'with the entries of single batches, which are left out otherwise; JSON always has them')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, EXAMPLES))
    .action(async (options: AuditOptions) => {
      const { listAudit } = await import('../actions/audit.ts');
      finish(await listAudit(cli, options));
    });
  for (const add of [addVerify, addHead, addExport, addRoot, addProve, addCheck]) add(audit, cli, finish);
};

const VERIFY_EXAMPLES = [
  ['audit verify --json', 'from a script; exit code 1 on a finding'],
  ['audit verify --head "$(cat head.txt)"', 'with a head that `audit head` has printed before'],
  ['audit verify --file audit.ndjson', 'check an export, without a ledger'],
] as const;

const addVerify: AddCommand = (parent, cli, finish) => {
  parent
    .command('verify')
    .summary('check that no entry was changed, removed or moved')
    .description(
      paragraphs(
        `Recomputes the hash of every entry, and names the first that is not as it was sealed. Store the head that it
         prints elsewhere: with --head, the command also detects an end that was cut off or rewritten.`,
      ),
    )
    .option(
      '--head <entry:hash>',
      'the chain must have this entry, which `audit head` has printed',
      auditHead,
    )
    .option('--file <export>', 'check a file that `audit export` has written, instead of the ledger')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, VERIFY_EXAMPLES))
    .action(async (_: unknown, command: WithParent<VerifyAuditOptions>) => {
      const { verifyAudit } = await import('../actions/audit-files.ts');
      finish(await verifyAudit(cli, command.optsWithGlobals()));
    });
};

const addHead: AddCommand = (parent, cli, finish) => {
  parent
    .command('head')
    .summary('print number and hash of the last entry, to be kept elsewhere')
    .description('Prints number and hash of the last sealed entry, without verifying the chain.')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [['audit head >> heads.txt', 'once a day, on another machine']]))
    .action(async (_: unknown, command: WithParent<JsonOption>) => {
      const { showHead } = await import('../actions/audit-files.ts');
      finish(await showHead(cli, command.optsWithGlobals()));
    });
};

const addExport: AddCommand = (parent, cli, finish) => {
  parent
    .command('export')
    .summary('write the whole audit into a file')
    .description(
      paragraphs(
        `Writes every sealed entry with its hashes, one JSON document per line (NDJSON), so that the chain can be checked
         without the ledger: \`audit verify --file\`.`,
      ),
    )
    .requiredOption('--out <file>', 'the file; it is written whole or not at all')
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [['audit export --out audit.ndjson', 'for an archive']]))
    .action(async (_: unknown, command: WithParent<{ readonly out: string } & JsonOption>) => {
      const { exportAudit } = await import('../actions/audit-files.ts');
      finish(await exportAudit(cli, command.optsWithGlobals()));
    });
};

const addRoot: AddCommand = (parent, cli, finish) => {
  parent
    .command('root')
    .summary('print the hash that stands for all entries of a run')
    .description(
      paragraphs(
        `Prints the number of the run's entries and the root of the Merkle tree over them. Give both, now, to whoever may
         check receipts later. They stay valid when the run gets further entries.`,
      ),
    )
    .argument('<run>', RUN_HELP)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, [['audit root latest', 'of the newest run']]))
    .action(async (run: string, _: unknown, command: WithParent<JsonOption>) => {
      const { showRoot } = await import('../actions/audit-files.ts');
      finish(await showRoot(cli, run, command.optsWithGlobals()));
    });
};

const PROVE_EXAMPLES = [
  ['audit prove 1234 --out receipt.json', 'for the number that `cxflow audit` shows'],
  ['audit prove 1234 --entries 57', 'for a root that was printed when the run had 57 entries'],
] as const;

const addProve: AddCommand = (parent, cli, finish) => {
  parent
    .command('prove')
    .summary('write a receipt that proves one entry without the ledger')
    .description(
      paragraphs(
        `Prints the entry and the path that leads from it to the root of its run. Whoever has the root can check the
         receipt: with \`audit check\`, or without cxflow in a browser (docs/audit-receipt.html).`,
      ),
    )
    .argument('<entry>', 'number of the entry', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option(
      '--entries <n>',
      'prove it for the root of the first n entries of the run (default: all of them)',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--out <file>', 'write the receipt into this file (default: stdout)')
    .addHelpText('after', examples(cli, PROVE_EXAMPLES))
    .action(async (entry: number, options: ProveOptions) => {
      const { proveAuditEntry } = await import('../actions/audit-files.ts');
      finish(await proveAuditEntry(cli, entry, options));
    });
};

const CHECK_EXAMPLES = [
  ['audit check receipt.json --root "$(cat root.txt)"', 'exit code 1 if it does not prove its entry'],
] as const;

const addCheck: AddCommand = (parent, cli, finish) => {
  parent
    .command('check')
    .summary('check a receipt; needs no server')
    .description(
      paragraphs(
        `Recomputes the root from the receipt's entry and path, and compares it with the one that you were given
         beforehand. Without that a receipt proves nothing: whoever writes one can make up the entry and the root.`,
      ),
    )
    .argument('<receipt>', 'file that `audit prove` has written; - reads stdin')
    .requiredOption('--root <entries:hash>', 'the root that `audit root` printed at the time', auditRoot)
    .option('--json', JSON_HELP)
    .addHelpText('after', examples(cli, CHECK_EXAMPLES))
    .action(async (receipt: string, _: unknown, command: WithParent<CheckReceiptOptions>) => {
      const { checkAuditReceipt } = await import('../actions/audit-files.ts');
      finish(await checkAuditReceipt(cli, receipt, command.optsWithGlobals()));
    });
};

/** `--json` is an option of `audit` too, which takes it from the subcommand. */
interface WithParent<Options> extends Pick<Command, 'name'> {
  optsWithGlobals(): Options;
}

/** A parser for commander: `1234:5f70bf18…`. */
function auditHead(text: string): AuditHead {
  const { number, hash } = numberAndHash(text, 'the number of an entry');
  return { seq: number, hash };
}

/** A parser for commander: `57:5f70bf18…`. */
function auditRoot(text: string): AuditRoot {
  const { number, hash } = numberAndHash(text, 'the number of entries');
  return { entries: number, root: hash };
}

function numberAndHash(text: string, what: string): { readonly number: number; readonly hash: string } {
  const [, number, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  if (number !== undefined && hash !== undefined) return { number: Number(number), hash };
  throw new InvalidArgumentError(`It must be ${what}, a colon and a hash in 64 hexadecimal digits.`);
}
