import { defineConfig } from 'vitest/config';

/** Run by processes.test.ts only. */
export default defineConfig({ test: { include: ['leak/leaks.ts'], reporters: ['default'] } });
