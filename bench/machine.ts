/** What processes took of the machine, and what others took meanwhile. From /proc: Linux only. */
import { readFileSync } from 'node:fs';

/** proc(5): the kernel's clock ticks, which are 100 a second wherever Linux runs today. */
const TICKS_PER_SECOND = 100;

export type Pids = Readonly<Record<string, readonly number[]>>;

/** CPU in percent of one core over the time between two looks. */
export interface Usage {
  readonly seconds: number;
  /** By name; a process counts with all its children. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Everything that is none of ours. */
  readonly foreign: number;
}

/** `pids` is asked at both ends: processes come and go. */
export function watchMachine(pids: Pids): () => Usage {
  const before = look(pids);
  return () => {
    const after = look(pids);
    const seconds = after.at - before.at;
    const percent = (ticks: number) => Math.round((ticks / TICKS_PER_SECOND / seconds) * 1000) / 10;
    const names = Object.keys(pids);
    const cpu = Object.fromEntries(
      names.map((name) => [name, percent((after.ours[name] ?? 0) - (before.ours[name] ?? 0))]),
    );
    const ours = Object.values(cpu).reduce((sum, n) => sum + n, 0);
    return { seconds, cpu, foreign: Math.max(0, percent(after.busy - before.busy) - ours) };
  };
}

function look(pids: Pids) {
  const ours = Object.entries(pids).map(([name, list]) => [
    name,
    list.reduce((sum, pid) => sum + ticksOf(pid), 0),
  ]);
  return {
    at: performance.now() / 1000,
    ours: Object.fromEntries(ours) as Record<string, number>,
    busy: busyTicks(),
  };
}

/** Of the process, of its children that live, and of those that have ended. */
function ticksOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name in field 2 may hold spaces; after it, fields 14 to 17 are utime, stime, cutime and cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
  // What this process has started is counted by name.
  if (pid === process.pid) return Number(fields[11]) + Number(fields[12]);
  return childrenOf(pid).reduce((sum, child) => sum + ticksOf(child), own);
}

function childrenOf(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Of all cores: everything but idle and waiting for the disk. */
function busyTicks(): number {
  const [, ...columns] = (read('/proc/stat').split('\n')[0] ?? '').split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = columns.map(Number);
  return user + nice + system + irq + softirq + steal;
}

/** The most that was resident at any time, in megabytes. */
export function peakMegabytes(pid: number): number {
  const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`)) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

/**
 * What a process and all its children have for themselves now, and the shared memory that they use once, in megabytes.
 * Of PostgreSQL: each of its processes maps the same buffers, so that a sum of what is resident would count them often.
 */
export function residentMegabytes(pid: number): number {
  const all = familyOf(pid).map((each) => read(`/proc/${each}/status`));
  const kilobytes = (name: string) =>
    all.map((text) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0));
  const own = kilobytes('RssAnon').reduce((sum, n) => sum + n, 0);
  return Math.round((own + Math.max(0, ...kilobytes('RssShmem'))) / 1024);
}

function familyOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
