import { defineConfig } from 'vitest/config';

/** Only for processes.test.ts. Looking for processes takes longer on a busy machine than Vitest's ten seconds. */
export default defineConfig({
  test: { hookTimeout: 600_000, include: ['leak/leaks.ts'], reporters: ['default'] },
});
