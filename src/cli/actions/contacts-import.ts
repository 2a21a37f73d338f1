/** Stages a file, starts the contact import and follows it until it ends. */
import type { Channel, ConsentPolicy } from '../../contract/consent.ts';
import type { ContactImportInput, Dedupe, Existing } from '../../contract/contact-import.ts';
import { omitUndefined } from '../../domain/absent.ts';
import type { Run } from '../../ledger/runs/runs.ts';
import { type Cli, type Session, withSession } from '../cli.ts';
import { UsageError } from '../errors.ts';
import type { ExitCode } from '../exit-codes.ts';
import { openOutput } from '../terminal/output.ts';
import type { SourceRunOptions } from './options.ts';
import {
  findRunToRetry,
  openRunSource,
  requireInput,
  requireOneSource,
  startAndFollow,
  toCommonInput,
} from './start-run.ts';

export interface ImportOptions extends SourceRunOptions {
  readonly list?: string;
  readonly existing?: Existing;
  readonly dedupe?: Dedupe;
  readonly country?: string;
  readonly requireConsent?: Channel;
  readonly policy?: ConsentPolicy;
}

/** Throws UsageError, InputError, SourceError, RunNotFound, Unreachable. */
export async function importContacts(
  cli: Cli,
  file: string | undefined,
  options: ImportOptions,
): Promise<ExitCode> {
  const output = openOutput(cli, options.json);
  requireOneSource(file, options, 'import');
  return withSession(cli, async (session) => {
    const earlier = await findRunToRetry(cli, session, options);
    const listId = chooseList(session, options, earlier);
    const effective = { ...optionsOfRun(earlier), ...options };
    if (effective.policy !== undefined && effective.requireConsent === undefined) {
      throw new UsageError('--policy needs --require-consent CHANNEL');
    }
    requireInput('contactImport', toInput(listId, effective), options);
    const source = await openRunSource(
      session,
      { file, earlier, stdin: cli.stdin },
      options,
      { operation: 'contactImport' },
      output,
    );
    const client = await session.client();
    const start = () =>
      client.startContactImport(
        { ...toInput(listId, effective), source },
        omitUndefined({ runId: options.id }),
      );
    const againHint = 'To import it again, add --again.';
    return startAndFollow({ start, cli, session, output, options, againHint });
  });
}

function toInput(listId: string, options: ImportOptions): Omit<ContactImportInput, 'source'> {
  const { existing, dedupe, country, requireConsent, policy } = options;
  const given = omitUndefined({ existing, dedupe, country, requireConsent, policy });
  return { listId, ...given, ...toCommonInput(options) };
}

function chooseList(session: Session, { list }: ImportOptions, earlier: Run | null): string {
  const listId = list ?? earlier?.target ?? session.config.cxone.contactListId;
  if (listId) return listId;
  throw new UsageError('the contact list is missing: add --list ID, or set CXONE_CONTACT_LIST_ID');
}

/** A retry writes as the earlier run did, unless the user gives other options. */
function optionsOfRun(earlier: Run | null): Partial<ImportOptions> {
  const input = (earlier?.input ?? {}) as Partial<ContactImportInput>;
  const { existing, dedupe, country, requireConsent, policy } = input;
  return omitUndefined({ existing, dedupe, country, requireConsent, policy });
}
