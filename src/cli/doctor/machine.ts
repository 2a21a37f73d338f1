/** Node.js, the source folder and the disk. */
import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
import { type Finding, ok, problem, warning } from './finding.ts';

/** As in package.json, "engines". */
const MIN_NODE = [20, 19] as const;
const GIGABYTE = 1e9;
const DISK_WARNING_GB = 2;
const DISK_PROBLEM_GB = 0.2;

export function examineNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor, minMinor] = MIN_NODE;
  const isSupported = major > minMajor || (major === minMajor && minor >= minMinor);
  if (isSupported) return ok('Node.js', version);
  return problem('Node.js', `${version} is too old`, `install ${MIN_NODE.join('.')} or later`);
}

export async function examineSourceDir(folder: string | null): Promise<Finding> {
  if (folder === null) {
    return ok(
      'source folder',
      'not set (CXFLOW_SOURCE_DIR), so sources that are given as a path are refused',
    );
  }
  try {
    await access(folder, constants.R_OK | constants.X_OK);
    if ((await stat(folder)).isDirectory()) return ok('source folder', folder);
  } catch {
    // Reported below.
  }
  const next =
    'set CXFLOW_SOURCE_DIR to a folder that workers can read; runs with {"path": …} read from there';
  return warning('source folder', `${folder} cannot be read`, next);
}

/** `of`: what the folder belongs to. The disk of a database elsewhere cannot be examined from here. */
export async function examineDisk(folder: string, of: 'embedded database' | 'this folder'): Promise<Finding> {
  const place = await realpath(folder);
  const { bavail, bsize } = await statfs(place);
  const free = (bavail * bsize) / GIGABYTE;
  const where =
    of === 'embedded database'
      ? `where the embedded database is (${place})`
      : 'in this folder; the disk of the database cannot be examined from here';
  const what = `${free.toFixed(1)} GB free ${where}`;
  if (free >= DISK_WARNING_GB) return ok('disk', what);
  const next = 'free some space: the ledger keeps every row of every run';
  return free < DISK_PROBLEM_GB ? problem('disk', what, next) : warning('disk', what, next);
}
