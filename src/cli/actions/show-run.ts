/** Prints everything about one run. */
import { RunNotFound } from '../../client/errors.ts';
import { readRunDetails } from '../../queries/run-details.ts';
import {
  type Cli,
  listFacts,
  readOperationReport,
  readPlanDetails,
  type Session,
  withSession,
} from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderRunDetails } from '../render/run-details.ts';
import { listSections } from '../render/sections.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { findRun } from './find-run.ts';

/** Throws UsageError, RunNotFound, RunNotTakenUp. */
export async function showRun(
  cli: Cli,
  given: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const { run_id: runId } = await findRun(cli, session, given);
    const read = await readRunDetails(session.ledger, runId, queryProgress(session));
    if (!read) throw new RunNotFound(runId);
    const own = await readOperationReport(cli, session.ledger, runId);
    const details = { ...read, ...own?.data, link: session.link(runId) };
    const { print, colors } = openOutput(cli, json);
    if (json) printJson(cli, details);
    else {
      const planDetails = await readPlanDetails(cli, session.ledger, runId);
      const view = { ...details, facts: listFacts(cli, read), planDetails, sections: listSections(own) };
      print(renderRunDetails(view, colors, cli.command));
    }
    return EXIT.ok;
  });
}

/** A worker that is running answers much faster than this. The time to connect to Temporal does not count. */
const PROGRESS_TIMEOUT_MS = 2_000;

const queryProgress = (session: Session) => async (runId: string) => {
  const client = await session.client();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no worker answered in time')), PROGRESS_TIMEOUT_MS);
  });
  return Promise.race([client.progress(runId), timeout]).finally(() => clearTimeout(timer));
};
