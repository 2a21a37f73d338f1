/** Shows a run while it executes: one line that is drawn over on a terminal, a new line now and then elsewhere. */
import { createLineDrawer, type Output } from './output.ts';
import { renderBarLine, renderPlainLine, type Snapshot } from './progress-line.ts';

export interface ProgressView {
  update(snapshot: Snapshot): void;
  /** Prints lines that stay, above the progress line. */
  readonly print: (text: string) => void;
  /** Clears the progress line. May be called more than once. */
  end(): void;
}

const PLAIN_INTERVAL_MS = 5_000;

export function createProgressView(
  output: Output,
  nowMs: () => number = () => performance.now(),
): ProgressView {
  return output.stream.isTTY ? createBarView(output) : createPlainView(output, nowMs);
}

function createBarView(output: Output): ProgressView {
  const { stream, colors, print } = output;
  const draw = createLineDrawer(output);
  let line = '';
  return {
    update(snapshot) {
      line = renderBarLine(snapshot, colors, stream.columns ?? 80);
      draw(line);
    },
    print(text) {
      draw('');
      print(text);
      draw(line);
    },
    end() {
      line = '';
      draw(line);
    },
  };
}

/** A line for every change of phase or trouble; while only the counts change, one every five seconds. */
function createPlainView({ print }: Output, nowMs: () => number): ProgressView {
  let last = { situation: '', line: '', atMs: 0 };
  return {
    update(snapshot) {
      const situation = [snapshot.phase, snapshot.trouble, snapshot.waitingFor].join('|');
      const line = renderPlainLine(snapshot);
      const isDue =
        situation !== last.situation || (line !== last.line && nowMs() - last.atMs >= PLAIN_INTERVAL_MS);
      if (!isDue) return;
      last = { situation, line, atMs: nowMs() };
      print(line);
    },
    print,
    end: () => undefined,
  };
}
