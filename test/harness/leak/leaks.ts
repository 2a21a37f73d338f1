import { it } from 'vitest';
import { useProcesses } from '../processes.ts';

const processes = useProcesses();

it('leaves a grandchild process behind', async () => {
  const parent = processes.run('sh', ['-c', 'setsid sleep 61 >/dev/null 2>&1 & sleep 0.2']);
  await parent.exited;
});
