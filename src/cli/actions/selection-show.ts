/** Prints the contact selection of a campaign as it is in CXone now. */
import type { ContactSelection } from '../../domain/selection-update/selection.ts';
import { type Cli, withSession } from '../cli.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { announceWait } from '../terminal/announce-wait.ts';
import { openOutput, printJson } from '../terminal/output.ts';
import { printable } from '../terminal/sanitize.ts';
import { renderTable } from '../terminal/table.ts';

/** Throws InputError, NoWorkerAnswered, NotDone. */
export async function showSelection(
  cli: Cli,
  campaignId: string,
  { json = false }: { json?: boolean },
): Promise<ExitCode> {
  return withSession(cli, async (session) => {
    const client = await session.client();
    const reading = client.readSelection(campaignId);
    const seen = await announceWait(reading, cli, `waiting for a worker to read campaign ${campaignId} …`);
    const { print, colors } = openOutput(cli, json);
    print(`${colors.bold(campaignId)}  version ${seen.version}\n${renderSelection(seen.contactSelection)}`);
    if (json) printJson(cli, seen);
    return EXIT.ok;
  });
}

function renderSelection(selection: ContactSelection): string {
  const { targetListIds, exclusionListIds, filterRules, priorityOrder } = selection;
  const rules = filterRules.map(
    ({ field, operator, value }) => `${field} ${operator} ${JSON.stringify(value)}`,
  );
  return renderTable(
    [{}, {}],
    [
      ...labelled('targets', targetListIds),
      ...labelled('exclusions', exclusionListIds),
      ...labelled('rules', rules),
      ...labelled('priorities', priorityOrder.map(toText)),
    ],
  );
}

function labelled(label: string, values: readonly string[]): [string, string][] {
  if (values.length === 0) return [[label, 'none']];
  return values.map((value, index) => [index === 0 ? label : '', printable(value)]);
}

const toText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
