/** Numbers, times and names as people read them. Pure. */

const COUNT = new Intl.NumberFormat('en-GB');

/** `12,345` */
export function formatCount(n: number): string {
  return COUNT.format(n);
}

/** `1 record`, `2 records` */
export function plural(n: number, word: string): string {
  return `${formatCount(n)} ${n === 1 ? word : pluralOf(word)}`;
}

function pluralOf(word: string): string {
  if (word.endsWith('y')) return `${word.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(word) ? `${word}es` : `${word}s`;
}

/** `97.1 %`; never rounds up to a 100 that is not reached, nor down to a 0 that is. */
export function formatPercent(part: number, whole: number, digits = 1): string {
  if (whole === 0) return `${(0).toFixed(digits)} %`;
  const step = 10 ** -digits;
  const rounded = Number(((part / whole) * 100).toFixed(digits));
  const kept = part > 0 && part < whole ? Math.min(100 - step, Math.max(step, rounded)) : rounded;
  return `${kept.toFixed(digits)} %`;
}

/** `850 ms`, `2.3 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h` */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_500) return `${(ms / 1_000).toFixed(ms < 9_950 && ms % 1_000 !== 0 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Local time of the reader, to the second: `2026-03-01 14:05:09`. */
export function formatTime(moment: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join('-');
  return `${day} ${[moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(':')}`;
}

/** An argument as a POSIX shell takes it. */
export function shellQuote(argument: string): string {
  return /^[\w@%+=:,./~-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** What others wrote (names of files, reasons of people) must not steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** Words of ours as people write them: `in_doubt` → `in doubt`. */
export function spaced(word: string): string {
  return word.replaceAll('_', ' ');
}
