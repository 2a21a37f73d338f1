// Builds dist from src: JavaScript and types with tsc, then the workflows as one bundled file for production workers.
// Returns immediately if nothing has changed. `--no-check` skips type checking, so that tests start faster.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');
const dist = join(root, 'dist');
const hashFile = join(dist, '.build.json');
const bundleFile = join(dist, 'workflow-bundle.js');
const check = !process.argv.includes('--no-check');
const print = (line) => process.stderr.write(`build: ${line}\n`);

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hashSources() {
  const hash = createHash('sha256').update(process.version);
  const settings = ['tsconfig.json', 'package-lock.json', 'scripts/build.mjs'].map((name) =>
    join(root, name),
  );
  for (const file of [...filesIn(src), ...settings]) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

// A checked build also counts as an unchecked one.
function isBuilt(hash) {
  try {
    const built = JSON.parse(readFileSync(hashFile, 'utf8'));
    return built.hash === hash && (built.checked || !check);
  } catch {
    return false;
  }
}

// Two test runs in one clone must not write dist at the same time.
async function withLock(action) {
  const file = join(root, 'node_modules', '.cxflow-build.lock');
  for (;;) {
    try {
      const lock = openSync(file, 'wx');
      writeSync(lock, String(process.pid));
      closeSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!isHeld(file)) rmSync(file, { force: true });
      await delay(100);
    }
  }
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

function isHeld(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: the file has just been created, or its creator was killed before writing to it.
    if (pid === 0) return Date.now() - statSync(file).mtimeMs < 5_000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function compile() {
  const unchecked = ['--noCheck', '--declaration', 'false', '--incremental', 'false'];
  const stateFile = join(dist, '.tsbuildinfo');
  const flags = check ? ['--tsBuildInfoFile', stateFile] : unchecked;
  // After this build, tsc's state no longer describes dist: the next checked build must write all files.
  if (!check) rmSync(stateFile, { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '-p', root, ...flags], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) throw new Error('tsc failed (see above)');
}

// Removes files whose source has been deleted, so that nothing imports them.
function removeStale() {
  for (const file of filesIn(dist)) {
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    const generated = stem.startsWith('.') || file === bundleFile;
    if (!generated && !existsSync(join(src, `${stem}.ts`))) rmSync(file);
  }
}

async function bundleWorkflows() {
  const workflowsPath = join(dist, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return print('no workflows to bundle yet (src/workflows/index.ts)');
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = { trace() {}, debug() {}, info() {}, log() {} };
  const logger = { ...quiet, warn: print, error: print };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  // Renamed, so that a worker that starts now reads the old or the new file, never an incomplete one.
  writeFileSync(`${bundleFile}.new`, code);
  renameSync(`${bundleFile}.new`, bundleFile);
}

async function build() {
  const hash = hashSources();
  if (isBuilt(hash)) return;
  mkdirSync(dist, { recursive: true });
  rmSync(hashFile, { force: true });
  compile();
  removeStale();
  await bundleWorkflows();
  writeFileSync(hashFile, JSON.stringify({ hash, checked: check }));
}

try {
  await withLock(build);
} catch (error) {
  print(error.message);
  process.exitCode = 1;
}
