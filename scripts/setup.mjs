// Prepares a fresh clone: packages, the command `npx cxflow`, Temporal's servers. Returns immediately if nothing is missing.
// Plain Node, because it runs before any package is installed. `--tests`: also what only tests need; `--packages`: packages only.
import { spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const inRoot = (...parts) => join(root, ...parts);
const tests = process.argv.includes('--tests');
const packagesOnly = process.argv.includes('--packages');
const print = (line) => process.stderr.write(`setup: ${line}\n`);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(
    `Node ${process.versions.node} is too old: cxflow needs 20.19 or later (https://nodejs.org)`,
  );
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

// npm writes node_modules/.package-lock.json at the very end of an installation, so all packages in it are installed.
function packagesAreInstalled() {
  const wanted = readJson(inRoot('package-lock.json'))?.packages ?? {};
  const present = readJson(inRoot('node_modules', '.package-lock.json'))?.packages;
  if (!present) return false;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || present[path]?.version === entry.version || (entry.optional && !present[path]),
  );
}

function run(file, args, step) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-20_000));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setInterval(
      () => print(`${step} … ${Math.round((Date.now() - started) / 1000)} s`),
      10_000,
    );
    child.once('error', reject);
    child.once('close', (code) => {
      clearInterval(timer);
      if (code === 0) resolve();
      else reject(new Error(`${step} failed (${file} exited with code ${code}):\n${output.trim()}`));
    });
  });
}

const NPM_FLAGS = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];

async function installPackages() {
  const step = 'installing packages';
  print(`${step} …`);
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const install = (...how) => run(npm[0], [...npm.slice(1), ...how, ...NPM_FLAGS], step);
  try {
    await install('ci');
  } catch (error) {
    // If the registry lacks packages for other platforms, the lock file may lack them too, and `npm ci` rejects it then.
    // `npm install` uses the same locked versions, and --no-save leaves the lock file unchanged.
    if (!/EUSAGE/.test(error.message)) throw error;
    await install('install', '--no-save');
  }
}

// npm links only the commands of dependencies. With this link, `npx cxflow` runs the sources of this clone.
function linkCommand() {
  const link = inRoot('node_modules', '.bin', 'cxflow');
  const target = join('..', '..', 'bin', 'cxflow.js');
  chmodSync(inRoot('bin', 'cxflow.js'), 0o755);
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === target) return;
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(target, link);
}

function isRunnable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const serversFile = inRoot('node_modules', '.cxflow-servers.json');

function serversAreInstalled() {
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .some((folder) => isRunnable(join(folder, 'temporal')));
  const found = readJson(serversFile) ?? {};
  const temporal = onPath || isRunnable(found.temporal ?? '') || (!tests && process.env.TEMPORAL_ADDRESS);
  return temporal && (!tests || isRunnable(found.testServer ?? ''));
}

// Prints its progress directly to the terminal, because a build with Go takes minutes.
async function fetchServers() {
  const args = [
    '--import',
    'tsx',
    inRoot('src', 'stack', 'fetch-servers.ts'),
    serversFile,
    ...process.argv.slice(2),
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error('a server that cxflow needs is missing (see above)');
}

try {
  checkNode();
  if (!packagesAreInstalled()) await installPackages();
  linkCommand();
  if (!packagesOnly && !serversAreInstalled()) await fetchServers();
  if (!existsSync(inRoot('node_modules', '.bin', 'cxflow')))
    throw new Error('npx cxflow could not be set up');
  print('ready');
} catch (error) {
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
