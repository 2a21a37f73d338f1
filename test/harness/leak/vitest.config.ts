import { defineConfig } from 'vitest/config';

/** Only for processes.test.ts. */
export default defineConfig({ test: { include: ['leak/leaks.ts'], reporters: ['default'] } });
