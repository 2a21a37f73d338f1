/** Numbers, times and names in the form that people read. Pure. */
/** `97.1 %`. Never rounds up to 100 or down to 0, so that neither is printed unless it is exact. */
export function formatPercent(part: number, whole: number, digits = 1): string {
  if (whole === 0) return `${(0).toFixed(digits)} %`;
  const step = 10 ** -digits;
  const rounded = Number(((part / whole) * 100).toFixed(digits));
  const kept = part > 0 && part < whole ? Math.min(100 - step, Math.max(step, rounded)) : rounded;
  return `${kept.toFixed(digits)} %`;
}

/** `97.12 %`, or `–` if there is no rate because there was nothing to divide by. */
export function formatRate(percent: number | null): string {
  return percent === null ? '–' : `${percent.toFixed(2)} %`;
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

/** In the local time zone: `2026-03-01 14:05:09`. */
export function formatTime(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

/** Quotes an argument for a POSIX shell where that is necessary. */
export function shellQuote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** `in_doubt` → `in doubt` */
export function spaced(identifier: string): string {
  return identifier.replaceAll('_', ' ');
}

/** The name of an operation, from its kind: `contactImport` → `contact import`. */
export function operationName(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Lines of at most `columns` characters; a longer word is cut. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text
    .split(' ')
    .flatMap((each) => each.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? [])) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
