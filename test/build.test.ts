/** scripts/build.mjs in a folder with one source file. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { newFolder } from './harness/folders.ts';
import { ROOT } from './harness/texts.ts';

const run = promisify(execFile);

async function createProject() {
  const folder = await newFolder();
  for (const file of ['tsconfig.json', 'package.json', 'package-lock.json', 'scripts/build.mjs']) {
    await cp(join(ROOT, file), join(folder, file));
  }
  await mkdir(join(folder, 'src'));
  await mkdir(join(folder, 'node_modules'));
  for (const name of ['typescript', '@types']) {
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  return {
    write: (text: string) => writeFile(join(folder, 'src', 'one.ts'), text),
    build: (...flags: readonly string[]) =>
      run(process.execPath, ['scripts/build.mjs', ...flags], { cwd: folder }),
    built: () => readFile(join(folder, 'dist', 'one.js'), 'utf8'),
  };
}

it('a source that is changed back is built again, even after an unchecked build in between', async () => {
  const { write, build, built } = await createProject();
  await write('export const word = "first";\n');
  await build();
  await write('export const word = "second";\n');
  await build('--no-check');
  expect(await built()).toContain('second');
  await write('export const word = "first";\n');
  await build();
  expect(await built()).toContain('first');
});
