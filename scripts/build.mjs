// src → dist: JavaScript and types by tsc, then the workflows in one file, as production workers load them.
// Done at once when nothing has changed. `--no-check` leaves out types (tests start faster; `npm run typecheck` checks).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const src = join(root, 'src');
const dist = join(root, 'dist');
const hashFile = join(dist, '.build.json');
const bundleFile = join(dist, 'workflow-bundle.js');
const check = !process.argv.includes('--no-check');
const say = (line) => process.stderr.write(`build: ${line}\n`);

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function hashOfSources() {
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

// A checked build serves those that ask for an unchecked one too.
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
      if (!holderLives(file)) rmSync(file, { force: true });
      await delay(100);
    }
  }
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

function holderLives(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: between its creation and its first write, or its maker was killed just there.
    if (pid === 0) return Date.now() - statSync(file).mtimeMs < 5_000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function compile() {
  const unchecked = ['--noCheck', '--declaration', 'false', '--incremental', 'false'];
  const flags = check ? ['--tsBuildInfoFile', join(dist, '.tsbuildinfo')] : unchecked;
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '-p', root, ...flags], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (done.status !== 0) throw new Error('the types do not fit (see above)');
}

// What has no source any more must not be found by anybody.
function removeStale() {
  for (const file of filesIn(dist)) {
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    const generated = stem.startsWith('.') || file === bundleFile;
    if (!generated && !existsSync(join(src, `${stem}.ts`))) rmSync(file);
  }
}

async function bundleWorkflows() {
  const workflowsPath = join(dist, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return say('no workflows to bundle yet (src/workflows/index.ts)');
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const quiet = { trace() {}, debug() {}, info() {}, log() {} };
  const logger = { ...quiet, warn: say, error: say };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  // A worker that starts at this moment reads the old one or the new one, never a half.
  writeFileSync(`${bundleFile}.new`, code);
  renameSync(`${bundleFile}.new`, bundleFile);
}

async function build() {
  const hash = hashOfSources();
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
  say(error.message);
  process.exitCode = 1;
}
