/**
 * Ends processes and removes folders when this test process dies, however it dies: vitest's global tear-down does not
 * run after Ctrl-C. A shell that waits for the end of its input, which the kernel sends when we are gone.
 */
import { spawn } from 'node:child_process';

export interface Guardian {
  /** Kill this process, and its group, when we are gone. */
  watch(pid: number): void;
  forget(pid: number): void;
  /** Remove this folder when we are gone. */
  clean(folder: string): void;
}

const SCRIPT = `
pids=" "; folders=""
while read -r word what; do
  case "$word" in
    watch) pids="$pids$what " ;;
    forget) case "$pids" in *" $what "*) ;; *) continue ;; esac
      before="\${pids%% $what *}"; after="\${pids#* $what }"; pids="$before $after" ;;
    clean) folders="$folders $what" ;;
  esac
done
for pid in $pids; do kill -9 "-$pid" || kill -9 "$pid"; done
sleep 0.3
for folder in $folders; do umount -l "$folder"; rm -rf "$folder"; done
`;

export function createGuardian(): Guardian {
  const shell = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  // A write to a shell that somebody ended must not end the tests.
  shell.stdin.on('error', () => undefined);
  (shell.stdin as unknown as { unref(): void }).unref();
  const tell = (word: string, what: string | number) => void shell.stdin.write(`${word} ${what}\n`);
  return {
    watch: (pid) => tell('watch', pid),
    forget: (pid) => tell('forget', pid),
    clean: (folder) => tell('clean', folder),
  };
}

let shared: Guardian | null = null;

/** One a process. */
export function guardian(): Guardian {
  return (shared ??= createGuardian());
}
