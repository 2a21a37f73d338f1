/** Node, the folder of the sources, the disk. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { type Finding, ok, problem, warning } from './finding.ts';

/** package.json "engines". */
const LEAST_NODE = [20, 19] as const;
const GIGABYTE = 1e9;
const LITTLE_DISK_GB = 2;
const TOO_LITTLE_DISK_GB = 0.2;

export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  const isOldEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  if (isOldEnough) return ok('Node.js', version);
  return problem('Node.js', `${version} is too old`, `install ${LEAST_NODE.join('.')} or later`);
}

export async function examineSourceDir(folder: string): Promise<Finding> {
  try {
    await access(folder, constants.R_OK | constants.X_OK);
    if ((await stat(folder)).isDirectory()) return ok('source folder', folder);
  } catch {
    // Said below.
  }
  const next = 'set CXFLOW_SOURCE_DIR to a folder that workers may read; runs with {"path": …} look there';
  return warning('source folder', `${folder} cannot be read`, next);
}

export async function examineDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = (bavail * bsize) / GIGABYTE;
  const what = `${free.toFixed(1)} GB free`;
  if (free >= LITTLE_DISK_GB) return ok('disk', what);
  const next = 'make room: the ledger keeps every row of every run';
  return free < TOO_LITTLE_DISK_GB ? problem('disk', what, next) : warning('disk', what, next);
}
