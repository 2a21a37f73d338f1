// `node --import record-imports.mjs …` appends every specifier that a file in src/ imports to the file RECORD_IMPORTS.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const SRC = new URL('../../src/', import.meta.url).href;

if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, nextResolve) {
  if (context.parentURL?.startsWith(SRC)) appendFileSync(process.env.RECORD_IMPORTS, `${specifier}\n`);
  return nextResolve(specifier, context);
}
