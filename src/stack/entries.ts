/** How to start another entry point of this program: from the sources with tsx, from dist with plain Node. */
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
}

/** `entry` is a path below src or dist, without the extension: `worker`, `simulator/main`. */
export function nodeProgram(entry: string, args: readonly string[] = []): Program {
  const here = fileURLToPath(import.meta.url);
  const extension = extname(here);
  const script = join(dirname(here), '..', `${entry}${extension}`);
  return { file: process.execPath, args: [...loader(extension), script, ...args] };
}

function loader(extension: string): readonly string[] {
  if (extension !== '.ts') return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
