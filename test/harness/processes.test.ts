import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { isAlive } from '../../src/stack/processes.ts';
import { useProcesses } from './processes.ts';
import { eventually } from './wait.ts';

const processes = useProcesses();
const node = (code: string) => processes.run(process.execPath, ['-e', code]);

it('waits for a line, and reports the output of a process that exits before it', async () => {
  const ready = node(`setTimeout(() => console.log('ready on 4711'), 50); setTimeout(() => {}, 60_000)`);
  expect((await ready.waitFor(/ready on (\d+)/))[1]).toBe('4711');
  expect(await ready.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  const short = node(`console.error('no such list')`);
  await expect(short.waitFor(/ready/)).rejects.toThrow(/exited \(0\) before it printed ready:\nno such list/);
});

it('sends no signal to the pid of a process that has exited, since it may be that of another one by now', async () => {
  const short = node('');
  const exit = await short.exited;
  const kill = vi.spyOn(process, 'kill');
  expect(await short.kill()).toEqual(exit);
  expect(await short.terminate()).toEqual(exit);
  short.pause();
  short.resume();
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
});

it('separates stdout and stderr', async () => {
  const both = node(`console.log('out'); console.error('err')`);
  expect(await both.exited).toEqual({ code: 0, signal: null });
  expect([both.stdout(), both.stderr()]).toEqual(['out\n', 'err\n']);
});

it('starts processes without environment variables that could point to other servers', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', 'elsewhere:7233');
  const shown = node(`console.log(process.env.TEMPORAL_ADDRESS ?? 'none')`);
  await shown.exited;
  expect(shown.stdout()).toBe('none\n');
  vi.unstubAllEnvs();
});

it('kills the processes and removes the folders of a test run that is killed', async () => {
  const guardian = fileURLToPath(new URL('./guardian.ts', import.meta.url));
  const folders = fileURLToPath(new URL('./folders.ts', import.meta.url));
  const code = `
    const { guardian } = await import(${JSON.stringify(guardian)});
    const { newFolder } = await import(${JSON.stringify(folders)});
    const { spawn } = await import('node:child_process');
    const [keep, end] = [0, 1].map(() => spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).pid);
    guardian().watch(keep); guardian().watch(end); guardian().forget(keep); guardian().forget(1234567);
    console.log(keep, end, await newFolder(), 'made');
    setTimeout(() => {}, 60_000);`;
  const run = processes.run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
  const [, keep, end, folder = ''] = await run.waitFor(/(\d+) (\d+) (\S+) made/);
  await run.kill();
  await eventually(() => expect(isAlive(Number(end))).toBe(false));
  await eventually(() => expect(existsSync(folder)).toBe(false));
  expect(isAlive(Number(keep)), 'a process that is no longer watched').toBe(true);
  process.kill(Number(keep), 'SIGKILL');
});

it.runIf(process.platform === 'linux')('finds a grandchild process that a test leaves behind', async () => {
  const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      vitest,
      'run',
      '--root',
      fileURLToPath(new URL('.', import.meta.url)),
      '--config',
      fileURLToPath(new URL('./leak/vitest.config.ts', import.meta.url)),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const from of [child.stdout, child.stderr])
    from.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(1);
  expect(output).toMatch(/processes left behind by the test/);
  expect(output).toMatch(/sleep 61/);
});
