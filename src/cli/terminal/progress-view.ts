/** Shows a run as it goes on: one line that is drawn again and again on a terminal, a line now and then elsewhere. */
import type { Output } from '../cli.ts';
import { barLine, plainLine, type Snapshot } from './progress-line.ts';

export interface View {
  update(snapshot: Snapshot): void;
  /** Lines that stay. */
  readonly say: (text: string) => void;
  /** Takes the drawn line away. Repeatable. */
  end(): void;
}

const PLAIN_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\u001b[2K';

export function createView(output: Output, nowMs: () => number = () => performance.now()): View {
  return output.stream.isTTY ? createBarView(output) : createPlainView(output, nowMs);
}

function createBarView({ stream, colors, say }: Output): View {
  let drawn = '';
  const draw = (line: string) => {
    if (line === drawn) return;
    stream.write(CLEAR_LINE + line);
    drawn = line;
  };
  return {
    update: (snapshot) => draw(barLine(snapshot, colors, stream.columns ?? 80)),
    say(text) {
      const line = drawn;
      draw('');
      say(text);
      draw(line);
    },
    end: () => draw(''),
  };
}

/** A line on every change of phase or trouble; while it only counts on, one every five seconds. */
function createPlainView({ say }: Output, nowMs: () => number): View {
  let last = { kind: '', line: '', atMs: 0 };
  return {
    update(snapshot) {
      const kind = [snapshot.phase, snapshot.trouble, snapshot.waitingFor].join('|');
      const line = plainLine(snapshot);
      const isDue = kind !== last.kind || (line !== last.line && nowMs() - last.atMs >= PLAIN_EVERY_MS);
      if (!isDue) return;
      last = { kind, line, atMs: nowMs() };
      say(line);
    },
    say,
    end: () => undefined,
  };
}
