/** Prints what the doctor finds. */
import type { Cli } from '../cli.ts';
import { examine } from '../doctor/examine.ts';
import { type Finding, renderFinding, summarize } from '../doctor/finding.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { openOutput, printJson } from '../terminal/output.ts';

export async function runDoctor(cli: Cli, { json = false }: { json?: boolean }): Promise<ExitCode> {
  const { print, colors } = openOutput(cli, json);
  const findings: Finding[] = [];
  for await (const finding of examine(cli)) {
    findings.push(finding);
    print(renderFinding(finding, colors));
  }
  const { ok, summary } = summarize(findings);
  print(`\n${summary}`);
  if (json) printJson(cli, { ok, findings });
  return ok ? EXIT.ok : EXIT.failed;
}
