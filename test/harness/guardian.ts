/**
 * Kills processes and removes folders when this test process exits, even if it is killed: vitest's global teardown does
 * not run after Ctrl-C. It is a shell that waits for the end of its input, which comes when this process exits.
 */
import { spawn } from 'node:child_process';

export interface Guardian {
  /** Kills this process and its group when we exit. */
  watch(pid: number): void;
  forget(pid: number): void;
  /** Removes this folder when we exit. */
  clean(folder: string): void;
}

const SCRIPT = `
pids=" "; folders=""
while read -r command value; do
  case "$command" in
    watch) pids="$pids$value " ;;
    forget) case "$pids" in *" $value "*) ;; *) continue ;; esac
      before="\${pids%% $value *}"; after="\${pids#* $value }"; pids="$before $after" ;;
    clean) folders="$folders $value" ;;
  esac
done
for pid in $pids; do kill -9 "-$pid" || kill -9 "$pid"; done
sleep 0.3
for folder in $folders; do umount -l "$folder"; rm -rf "$folder"; done
`;

export function createGuardian(): Guardian {
  const shell = spawn('sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  // If the shell has been killed, writing to it must not end the tests.
  shell.stdin.on('error', () => undefined);
  (shell.stdin as unknown as { unref(): void }).unref();
  const send = (command: string, value: string | number) => void shell.stdin.write(`${command} ${value}\n`);
  return {
    watch: (pid) => send('watch', pid),
    forget: (pid) => send('forget', pid),
    clean: (folder) => send('clean', folder),
  };
}

let shared: Guardian | null = null;

/** One per process. */
export function guardian(): Guardian {
  return (shared ??= createGuardian());
}
