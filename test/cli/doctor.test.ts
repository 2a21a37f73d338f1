import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { examineSkew } from '../../src/cli/doctor/database.ts';
import { renderFinding, summarize } from '../../src/cli/doctor/finding.ts';
import { examineNode, examineSourceDir } from '../../src/cli/doctor/machine.ts';
import { run } from '../../src/cli/main.ts';
import { fakeCli } from './fakes.ts';

describe('the doctor', () => {
  it.each([
    ['20.19.0', 'ok'],
    ['20.18.9', 'problem'],
    ['18.20.0', 'problem'],
    ['22.0.0', 'ok'],
  ])('finds Node %s %s', (version, level) => {
    expect(examineNode(version).level).toBe(level);
  });

  it.each([
    [500, 'ok'],
    [-5_000, 'warning'],
    [120_000, 'problem'],
  ])('finds clocks that differ by %d ms %s', (ms, level) => {
    expect(examineSkew(ms).level).toBe(level);
  });

  it('warns of a source folder that is not there', async () => {
    expect(await examineSourceDir('/nowhere/at/all')).toMatchObject({ level: 'warning' });
  });

  it('says what to do in every line that is not ok, and counts them', () => {
    const finding = examineNode('18.0.0');
    expect(renderFinding(finding, pc.createColors(false))).toContain('→ install');
    expect(summarize([finding, examineSkew(5_000)])).toEqual({ ok: false, words: '1 problem, 1 warning' });
  });

  it('ends with 1 where something is missing, and names all of it', async () => {
    const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', CXFLOW_SOURCE_DIR: '/tmp' };
    const cli = fakeCli({}, { env, cwd: '/tmp' });
    expect(await run(['doctor', '--json'], cli)).toBe(1);
    const { ok, findings } = JSON.parse(cli.out()) as {
      ok: boolean;
      findings: { level: string; name: string }[];
    };
    expect(ok).toBe(false);
    const problems = findings.filter(({ level }) => level === 'problem').map(({ name }) => name);
    expect(problems).toEqual(['database', 'Temporal', 'CXone contactlists']);
  });
});
