import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineDrawer, openOutput, printJson } from '../../src/cli/terminal/output.ts';
import { printable, sanitize, toJson } from '../../src/cli/terminal/sanitize.ts';

const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
/** Erases the screen, in C0 and in C1; moves to the start of the line; turns the text around. */
const HOSTILE = 'a\u001b[2Jb\u009b2Jc\rd\u202ee\u2028f';

/** Returns what a command prints on a terminal. */
async function printed(print: (stream: PassThrough) => void): Promise<string> {
  const stream = Object.assign(new PassThrough(), { isTTY: true });
  print(stream);
  stream.end();
  return readAll(stream);
}

const streams = (stdout: PassThrough) => ({ env: { FORCE_COLOR: '1' }, stdout, stderr: stdout });

describe('text from outside cannot control the terminal', () => {
  it('in a cell, of whatever it consists (property)', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => !/[\n]/.test(printable(text)) && !CONTROL.test(printable(text)),
      ),
    );
  });

  it('in a line, of which only line feeds and our colours stay (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        return !CONTROL.test(sanitize(text).replace(/\u001b\[\d+m/g, ''));
      }),
    );
    expect(sanitize(`\u001b[31m${HOSTILE}\u001b[39m\n`)).toBe(
      '\u001b[31ma\ufffd[2Jb\ufffd2Jc\ufffdd\ufffde\ufffdf\u001b[39m\n',
    );
  });

  it('in a JSON document, which still means the same (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (document) => {
        const json = toJson(document, 2);
        expect(json).not.toMatch(CONTROL);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(document)));
      }),
    );
  });

  it.each([
    ['a printed line', (stream: PassThrough) => openOutput(streams(stream)).print(HOSTILE)],
    ['a progress line', (stream: PassThrough) => createLineDrawer({ stream })(HOSTILE)],
    ['a JSON document', (stream: PassThrough) => printJson({ stdout: stream }, { id: HOSTILE })],
  ])('in %s', async (_, print) => {
    const clearLine = '\r\u001b[2K';
    expect((await printed(print)).replace(clearLine, '')).not.toMatch(CONTROL);
  });

  it('and nothing but the folder terminal writes to a stream', () => {
    const files = readdirSync('src/cli', { recursive: true, encoding: 'utf8' });
    const others = files.filter((file) => file.endsWith('.ts') && !file.startsWith('terminal/'));
    const writes = (file: string) =>
      /\bstd(out|err)\.write\(/.test(readFileSync(join('src/cli', file), 'utf8'));
    expect(others.length).toBeGreaterThan(20);
    expect(others.filter(writes)).toEqual([]);
  });
});
