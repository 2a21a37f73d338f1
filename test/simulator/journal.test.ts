import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JournalEntry } from '../../src/simulator/journal.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { connect, contact, contacts, startSimulator } from './stand.ts';

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'journal.ndjson');
}
const readLines = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JournalEntry);

describe('the journal', () => {
  it('has every applied record, numbered, with the id of its request', async () => {
    const { create, admin } = await startSimulator();
    await create('L1', contacts(1, 3));
    await create('L2', [contact(1)]);
    const answer = await create('L1', [contact(9)]);
    const journal = await admin.journal();
    expect(journal.map(({ n, listId, contactId }) => [n, listId, contactId])).toEqual([
      [1, 'L1', 'c1'],
      [2, 'L1', 'c2'],
      [3, 'L1', 'c3'],
      [4, 'L2', 'c1'],
      [5, 'L1', 'c9'],
    ]);
    expect(journal[4]).toMatchObject({
      family: 'contactlists',
      action: 'create',
      requestId: answer.requestId,
    });
    expect((await admin.journal({ list: 'L1', from: 2 })).map((entry) => entry.n)).toEqual([2, 3, 5]);
    expect(await admin.journal({ family: 'email' })).toEqual([]);
  });

  it('is returned in pages that neither omit nor repeat an entry', async () => {
    const { create, request } = await startSimulator();
    for (let i = 0; i < 5; i += 1) await create(i % 2 ? 'L1' : 'L2', contacts(i * 7 + 1, i * 7 + 7));
    for (const limit of [1, 3, 7, 10, 100]) {
      const seen: number[] = [];
      for (let from: number | null = 1; from !== null; ) {
        const { body } = await request('GET', `/_sim/journal?from=${from}&limit=${limit}`);
        const page = body as { entries: JournalEntry[]; next: number | null };
        seen.push(...page.entries.map((entry) => entry.n));
        from = page.next;
      }
      expect(seen).toEqual(Array.from({ length: 35 }, (_, i) => i + 1));
    }
  });

  it('restores the state: duplicates, updates, seeds and record ids', async () => {
    const journalPath = temporaryFile();
    const first = createSimulator({ journalPath });
    const before = connect((await first.listen()).url);
    await before.admin.seedList('L1', [contact(50), contact(50)]);
    await before.create('L1', contacts(1, 3));
    const moved = contact(2, { phoneNumbers: contact(99).phoneNumbers });
    await before.cxone.contactLists.updateRecord({ listId: 'L1', recordId: 'r3', record: moved });
    const [journal, records] = [await before.admin.journal(), await before.admin.records('L1')];
    await first.close();

    const { create, admin } = await startSimulator({ journalPath });
    expect(await admin.journal()).toEqual(journal);
    expect(await admin.records('L1')).toEqual(records);
    expect(readLines(journalPath)).toEqual(journal);
    expect(await create('L1', [contact(1), contact(2), contact(50)])).toMatchObject({
      kind: 'duplicates',
      named: [{ recordId: 'r2' }, { recordId: 'r1' }],
    });
    await create('L1', [contact(4)]);
    expect((await admin.journal()).at(-1)).toMatchObject({ n: 6, recordId: 'r6' });
  });

  it.each([
    ['in the middle', (path: string) => appendFileSync(path, '{"n":3,"at":"2026'), 2],
    [
      'before its line feed',
      (path: string) => appendFileSync(path, readFileSync(path, 'utf8').split('\n')[1] ?? ''),
      3,
    ],
  ])('is repaired if its last line was cut off %s', async (_, cut, kept) => {
    const journalPath = temporaryFile();
    const first = createSimulator({ journalPath });
    await connect((await first.listen()).url).create('L1', contacts(1, 2));
    await first.close();
    cut(journalPath);
    const { create } = await startSimulator({ journalPath });
    await create('L2', [contact(7)]);
    expect(readLines(journalPath)).toHaveLength(kept + 1);
  });

  it('rejects a file that is not a journal', async () => {
    const journalPath = temporaryFile();
    appendFileSync(journalPath, 'id,name\n1,x\n');
    await expect(createSimulator({ journalPath }).listen()).rejects.toThrow(/not a journal/);
  });
});

describe('the simulator process', () => {
  /** The process is killed when the test ends. */
  async function startProcess(args: readonly string[]) {
    const main = join(import.meta.dirname, '../../src/simulator/main.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    for await (const line of createInterface({ input: child.stdout })) {
      return { child, ended, ...connect((JSON.parse(line) as { url: string }).url) };
    }
    throw new Error('the simulator printed nothing');
  }

  it('keeps everything it has acknowledged after kill -9, and exits with 0 on SIGTERM', async () => {
    const args = ['--journal', temporaryFile(), '--faults', faultsFile()];
    const first = await startProcess(args);
    expect(await first.create('L1', contacts(1, 100))).toMatchObject({ kind: 'created' });
    first.child.kill('SIGKILL');
    await first.ended;
    const second = await startProcess(args);
    expect((await second.admin.health()).lists).toEqual({ L1: 100 });
    const again = await second.create('L1', contacts(1, 100));
    expect([again.kind, again.named.length]).toEqual(['duplicates', 100]);
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  });

  it('exits with 2 and prints its usage on wrong flags', async () => {
    const main = join(import.meta.dirname, '../../src/simulator/main.ts');
    const args = ['--import', 'tsx', main, '--prot', '1'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => void (output += chunk.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(2);
    expect(output).toContain('--prot');
    expect(output).toContain('Usage');
  });

  function faultsFile(): string {
    const path = temporaryFile();
    appendFileSync(path, JSON.stringify([{ match: { method: 'DELETE' }, fault: { hang: true } }]));
    return path;
  }
});
