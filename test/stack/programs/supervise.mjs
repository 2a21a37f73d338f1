// `supervise.mjs FOLDER`: a supervisor for tests to kill. Prints a line once the stack is up.

import { fileURLToPath } from 'node:url';
import { startStack } from '../../../src/stack/dev.ts';

const endless = fileURLToPath(new URL('./endless.mjs', import.meta.url));
const program = { file: process.execPath, args: [endless] };
const stack = await startStack({
  dir: process.argv[2],
  simulator: true,
  worker: true,
  programs: { worker: program, simulator: program },
});
process.on('SIGTERM', () => void stack.stop().then(() => process.exit(0)));
process.stdout.write('the stack is up\n');
