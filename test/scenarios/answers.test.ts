/**
 * What CXone says in its answers beyond the outcomes (messages, ids, durations), wherever somebody may look for it: on the
 * terminal, as JSON, in the report, in the audit, and in what a webhook receives.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ContactImportResult } from '../../src/contract/contact-import.ts';
import type { AuditEntry } from '../../src/ledger/audit/chain.ts';
import type { RunDetails } from '../../src/queries/run-details.ts';
import type { RunReport } from '../../src/queries/run-report.ts';
import { RAW_PREFERENCES } from '../harness/tutorial-samples.ts';
import { apiShape, ndjson, rowAt, rows } from './contacts.ts';
import { CRM, runIdIn, type Stand, until, useStand } from './stand.ts';

const onStand = useStand();

const ENV = {
  CRM_WEBHOOK_URL: 'CRM',
  MARKETING_WEBHOOK_URL: 'CRM',
  CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true',
};

const NEARLY_FULL = 'list is nearly full';

const show = async ({ json }: Stand, runId: string) => (await json<RunDetails>(['show', runId])).document;
const report = async ({ json }: Stand, runId: string) => (await json<RunReport>(['report', runId])).document;

/** The report as a file: with its tags, and as the text that a reader sees. */
async function page({ cxflow, folder }: Stand, runId: string) {
  expect(await cxflow(['report', runId, '--html', 'report.html'])).toMatchObject({ code: 0 });
  const html = await readFile(join(folder, 'report.html'), 'utf8');
  return html
    .replace(/<style>[^]*<\/style>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/\s+/g, ' ');
}

/** All entries of an ended run, sealed. */
async function auditOf({ json }: Stand, runId: string) {
  const read = async () =>
    (await json<{ entries: AuditEntry[] }>(['audit', '--run', runId])).document.entries;
  const entries = await until(read, (all) => all.some(({ action }) => action === 'run_closed'));
  return (action: string) =>
    entries.filter((entry) => entry.action === action).map(({ data }) => data as Record<string, unknown>);
}

const received = async ({ admin }: Stand) =>
  (await admin.webhooks(CRM)).map(({ body }) => body as Record<string, unknown>);

it('warnings that name no record, and the ids of the answers, are kept with an import and shown everywhere', async () => {
  await onStand({ env: ENV, simulatorArgs: ['--warning', NEARLY_FULL] }, async (stand) => {
    stand.file('contacts.ndjson', ndjson(rows(1, 250)));
    const imported = await stand.cxflow(['contacts', 'import', 'contacts.ndjson', '--list', 'L1']);
    expect(imported).toMatchObject({ code: 0 });
    expect(imported.stdout).toMatch(/messages of CXone\n.*\n +3 +200 +1 +list is nearly full\n/);
    const runId = runIdIn(imported.stdout);

    const { cxone } = await show(stand, runId);
    expect(cxone.messages).toEqual([{ text: NEARLY_FULL, httpStatus: 200, n: 3, answers: 3, firstBatch: 1 }]);
    expect(cxone.answers).toHaveLength(3);
    const ids = cxone.answers.map(({ cxoneId }) => cxoneId);
    expect(new Set(ids).size).toBe(3);
    const shown = await stand.cxflow(['show', runId]);
    for (const text of [NEARLY_FULL, ...ids]) expect(shown.stdout).toContain(text);

    expect(await report(stand, runId)).toMatchObject({ cxone: { messages: cxone.messages, notKept: 0 } });
    const read = await page(stand, runId);
    for (const text of [NEARLY_FULL, ...ids]) expect(read).toContain(text);

    const audit = await auditOf(stand, runId);
    // Once in the audit, however many answers have it, and without the text, which could not be erased there.
    expect(audit('cxone_message')).toMatchObject([{ newMessages: 1, httpStatus: 200 }]);
    expect(JSON.stringify([audit('cxone_message'), await received(stand)])).not.toContain(NEARLY_FULL);
    const batches = audit('batch_settled').sort((a, b) => Number(a.batch) - Number(b.batch));
    expect(batches).toMatchObject([
      { batch: 1, batchStartIndex: 1, recordCount: 100, status: 'success', details: 'Created 100 records' },
      { batch: 2, batchStartIndex: 101, recordCount: 100 },
      { batch: 3, batchStartIndex: 201, recordCount: 50, details: 'Created 50 records' },
    ]);
    expect(batches.map(({ cxoneId }) => cxoneId).sort()).toEqual([...ids].sort());

    const events = await received(stand);
    const trailers = events.map(({ auditTrailer }) => auditTrailer as Record<string, unknown>);
    expect(trailers.sort((a, b) => Number(a.batchIndex) - Number(b.batchIndex))).toMatchObject(
      batches.map(
        ({ batch, batchStartIndex, recordCount, status, details, latencyMs, cxoneId, writeId }) => ({
          ...{
            batchIndex: batch,
            batchStartIndex,
            recordCount,
            status,
            details,
            latencyMs,
            cxoneId,
            writeId,
          },
          messages: 1,
        }),
      ),
    );
    await stand.conserved(runId);
  });
});

it('whoever a message names is left out of it, wherever it is shown', async () => {
  const warnings = ['c-7 may be Eleanor VANCE', 'ask dana@example.com about +1 415 555 0107'];
  const simulatorArgs = warnings.flatMap((text) => ['--warning', text]);
  await onStand({ env: ENV, simulatorArgs }, async (stand) => {
    stand.file('contacts.ndjson', ndjson([rowAt(7, { firstName: 'Eleanor Vance' })]));
    const imported = await stand.cxflow(['contacts', 'import', 'contacts.ndjson', '--list', 'L6']);
    const runId = runIdIn(imported.stdout);
    const details = await show(stand, runId);
    expect(details.cxone.messages.map(({ text }) => text)).toEqual(['ask … about …', '… may be …']);
    const audit = await auditOf(stand, runId);
    expect(audit('cxone_message')).toMatchObject([{ newMessages: 2 }]);
    const everything = [
      ...[imported.stdout, (await stand.cxflow(['show', runId])).stdout, await page(stand, runId)],
      ...[audit('cxone_message'), await received(stand), details].map((each) => JSON.stringify(each)),
    ].join('\n');
    expect(everything).toContain('may be');
    expect(everything).not.toMatch(/eleanor|vance|dana@|0107|c-7\b/i);
    await stand.conserved(runId);
  });
});

it('a refused batch is a failed one, in the audit and in its event, and its message is kept', async () => {
  await onStand({ env: ENV }, async (stand) => {
    await stand.admin.seedList('L2', [apiShape(rowAt(2))]);
    stand.file('contacts.json', JSON.stringify([rowAt(1), rowAt(2), rowAt(3)]));
    const { document } = await stand.json<ContactImportResult>([
      ...['contacts', 'import', 'contacts.json', '--list', 'L2'],
    ]);
    expect(document.counts).toMatchObject({ created: 2, existing: 1 });
    const [refused, rest] = (await received(stand)).map((event) => event.auditTrailer);
    const message = 'duplicates; nothing was created';
    expect(refused).toMatchObject({
      ...{ batchIndex: 1, batchStartIndex: 1, recordCount: 1, outcomes: { existing: 1 }, cxoneId: null },
      ...{ status: 'failed', details: 'HTTP 409: refused for duplicates, 1 named', messages: 1 },
    });
    expect(rest).toMatchObject({
      ...{ batchIndex: 1, batchStartIndex: 1, recordCount: 2, outcomes: { created: 2 } },
      ...{ status: 'success', details: 'Created 2 records', messages: 0 },
    });
    const { cxone } = await show(stand, document.runId);
    expect(cxone.messages).toEqual([{ text: message, httpStatus: 409, n: 1, answers: 1, firstBatch: 1 }]);
    await stand.conserved(document.runId, { result: document });
  });
});

it('one event for a whole run says how many of its batches failed', async () => {
  await onStand({ env: ENV, simulatorArgs: ['--warning', NEARLY_FULL] }, async (stand) => {
    await stand.admin.seedList('L3', [apiShape(rowAt(2))]);
    stand.file('contacts.json', JSON.stringify(rows(1, 250)));
    const args = ['contacts', 'import', 'contacts.json', '--list', 'L3', '--notify', 'run'];
    const { document } = await stand.json<ContactImportResult>(args);
    const [event, ...more] = await received(stand);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      auditTrailer: {
        ...{ batchStartIndex: 1, recordCount: 250, outcomes: { created: 249, existing: 1 } },
        ...{ status: 'failed', details: '4 batches, 1 of them failed or in doubt' },
        // The warning in each of the four answers, and the message of the refusal.
        messages: 5,
      },
    });
    await stand.conserved(document.runId, { result: document });
  });
});

it("CXone's ids of preferences are in the event, in the exported records and in the proof, and in no audit", async () => {
  // Two of the three keep the rules.
  const [anna, ben] = RAW_PREFERENCES.map(({ contactId }) => contactId);
  await onStand({ env: ENV }, async (stand) => {
    stand.file('preferences.json', JSON.stringify(RAW_PREFERENCES));
    const { document } = await stand.json<{ runId: string }>(['preferences', 'update', 'preferences.json']);
    const { runId } = document;
    const stored = (await stand.admin.preferences()).preferences;
    const idOf = (contactId: string | undefined) => stored.find((each) => each.contactId === contactId)?.id;
    expect(idOf(anna)).toMatch(/^pref-\d+$/);
    const [event] = await received(stand);
    expect(event).toMatchObject({
      event: 'preferences.batch.updated',
      auditId: expect.any(String) as string,
      payload: [
        { id: idOf(anna), contactId: anna, channel: 'email', optIn: true, status: 'updated' },
        { id: idOf(ben), contactId: ben, channel: 'sms', optIn: false, status: 'updated' },
      ],
    });
    const exported = await stand.cxflow(['records', runId]);
    expect(exported.stdout).toMatch(/cxflow_cxone_id\r?\n/);
    expect(exported.stdout).toContain(String(idOf(ben)));
    const proof = await stand.json<{ entries: object[] }>(['preferences', 'history', '--contact', ben ?? '']);
    expect(proof.document.entries).toMatchObject([{ cxoneId: idOf(ben), outcome: 'updated' }]);
    expect(await show(stand, runId)).toMatchObject({ cxone: { recordIds: 2 } });
    expect((await stand.cxflow(['show', runId])).stdout).toContain("CXone's ids");
    expect(await page(stand, runId)).toContain("CXone's ids of 2 records");
    const audit = await auditOf(stand, runId);
    expect(JSON.stringify(audit('batch_settled'))).not.toContain('pref-');
    await stand.conserved(runId);
  });
});

it("CXone's duration of a selection update is shown next to ours, in the report, the audit and the event", async () => {
  await onStand({ env: ENV, latencyMs: 30 }, async (stand) => {
    await stand.admin.seedCampaign('C1');
    stand.file('change.json', JSON.stringify({ add: { targetListIds: ['L2'] } }));
    const { document } = await stand.json<{ runId: string }>(['selection', 'update', 'C1', 'change.json']);
    const { runId } = document;
    const { cxone } = await show(stand, runId);
    const ms = Number(cxone.averageMs);
    // The header counts what the simulator waits.
    expect(ms).toBeGreaterThanOrEqual(29);
    expect((await stand.cxflow(['show', runId])).stdout).toMatch(
      new RegExp(`CXone's latency +${ms} ms on average\\n`),
    );
    expect(await report(stand, runId)).toMatchObject({
      cxone: { averageMs: ms },
      slowest: [{ cxoneMs: ms }],
    });
    expect(await page(stand, runId)).toContain(`${ms} ms average latency by CXone's account`);
    const audit = await auditOf(stand, runId);
    const [entry] = audit('UPDATE_CONTACT_SELECTION');
    expect(entry).toMatchObject({ cxoneMs: ms, result: 'COMPLETED' });
    const [event] = await received(stand);
    expect(event).toMatchObject({ compliant: true, latencyMs: entry?.latencyMs, cxoneMs: ms });
    await stand.conserved(runId);
  });
});

it('the message of an outdated selection update is kept', async () => {
  await onStand({ env: ENV }, async (stand) => {
    await stand.admin.seedCampaign('C2');
    await stand.admin.editCampaign('C2', { when: 'after-get', after: 1, add: { targetListIds: ['T9'] } });
    stand.file('change.json', JSON.stringify({ add: { targetListIds: ['L2'] } }));
    const { document } = await stand.json<{ runId: string }>(['selection', 'update', 'C2', 'change.json']);
    const { cxone } = await show(stand, document.runId);
    const text = 'the campaign has version 2, not 1: it was changed by another client';
    expect(cxone.messages).toMatchObject([{ text, httpStatus: 409, n: 1 }]);
    const audit = await auditOf(stand, document.runId);
    expect(audit('UPDATE_CONTACT_SELECTION')[0]?.details).toMatch(/again and merged$/);
    expect(audit('cxone_message')).toMatchObject([{ newMessages: 1, httpStatus: 409 }]);
    await stand.conserved(document.runId);
  });
});
