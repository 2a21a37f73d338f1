/** The CPU and memory that processes use, and the CPU that everything else uses meanwhile. Reads /proc: Linux only. */
import { readFileSync } from 'node:fs';

/** The unit of proc(5). 100 on all current Linux platforms. */
const TICKS_PER_SECOND = 100;

export type Pids = Readonly<Record<string, readonly number[]>>;

/** CPU in percent of one core, between two samples. */
export interface Usage {
  readonly seconds: number;
  /** By name. A process includes all its children. */
  readonly cpu: Readonly<Record<string, number>>;
  /** All processes that are not part of the benchmark. */
  readonly other: number;
}

/** Returns a function that reports the usage since now. */
export function watchMachine(pids: Pids): () => Usage {
  const before = sample(pids);
  return () => {
    const after = sample(pids);
    const seconds = after.at - before.at;
    const percent = (ticks: number) => Math.round((ticks / TICKS_PER_SECOND / seconds) * 1000) / 10;
    const names = Object.keys(pids);
    const cpu = Object.fromEntries(
      names.map((name) => [name, percent((after.ours[name] ?? 0) - (before.ours[name] ?? 0))]),
    );
    const ours = Object.values(cpu).reduce((sum, n) => sum + n, 0);
    return { seconds, cpu, other: Math.max(0, percent(after.busy - before.busy) - ours) };
  };
}

function sample(pids: Pids) {
  const ours = Object.entries(pids).map(([name, list]) => [
    name,
    list.reduce((sum, pid) => sum + readTicks(pid), 0),
  ]);
  return {
    at: performance.now() / 1000,
    ours: Object.fromEntries(ours) as Record<string, number>,
    busy: busyTicks(),
  };
}

/** The ticks of a process, its living children and its exited children. */
function readTicks(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name in field 2 may contain spaces. Fields 14 to 17 are utime, stime, cutime and cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
  // The children of the bench itself have names of their own.
  if (pid === process.pid) return Number(fields[11]) + Number(fields[12]);
  return listChildren(pid).reduce((sum, child) => sum + readTicks(child), own);
}

function listChildren(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** The ticks of all cores, except idle time and waiting for I/O. */
function busyTicks(): number {
  const [, ...columns] = (read('/proc/stat').split('\n')[0] ?? '').split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = columns.map(Number);
  return user + nice + system + irq + softirq + steal;
}

/**
 * The peak resident memory of a process; getrusage would count what its parent had when it was started. Throws if it cannot be
 * read: no memory at all would be within every limit.
 */
export function peakMegabytes(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`)) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmHWM`);
  return Math.round(Number(kilobytes) / 1024);
}

/**
 * The current private memory of a process and all its children, plus their shared memory. Shared memory counts once,
 * because each of PostgreSQL's processes maps the same buffers.
 */
export function residentMegabytes(pid: number): number {
  const all = listFamily(pid).map((each) => read(`/proc/${each}/status`));
  const kilobytes = (name: string) =>
    all.map((text) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0));
  const own = kilobytes('RssAnon').reduce((sum, n) => sum + n, 0);
  return Math.round((own + Math.max(0, ...kilobytes('RssShmem'))) / 1024);
}

function listFamily(pid: number): readonly number[] {
  return [pid, ...listChildren(pid).flatMap(listFamily)];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
