/** Node, the folder of the sources, the disk. */
import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
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

/** `of`: whose disk it is; that of a database elsewhere is not seen. */
export async function examineDisk(folder: string, of: 'embedded database' | 'this folder'): Promise<Finding> {
  const place = await realpath(folder);
  const { bavail, bsize } = await statfs(place);
  const free = (bavail * bsize) / GIGABYTE;
  const where =
    of === 'embedded database'
      ? `where the embedded database is (${place})`
      : 'in this folder; the disk of the database is not seen from here';
  const what = `${free.toFixed(1)} GB free ${where}`;
  if (free >= LITTLE_DISK_GB) return ok('disk', what);
  const next = 'make room: the ledger keeps every row of every run';
  return free < TOO_LITTLE_DISK_GB ? problem('disk', what, next) : warning('disk', what, next);
}
