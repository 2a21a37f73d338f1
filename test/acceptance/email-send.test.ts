/**
 * The sample of the vendor's tutorial on outbound emails, from the message to its job, the event about it, and the audit: two recipients,
 * with tracking (docs/cxone-contract.md#email).
 */
import { expect, it } from 'vitest';
import type { EmailSendResult } from '../../src/contract/email-send.ts';
import { RAW_EMAIL_MESSAGE } from '../harness/tutorial-samples.ts';
import { CRM, useStand } from '../scenarios/stand.ts';

const onStand = useStand();

const ENV = { CRM_WEBHOOK_URL: 'CRM', CXFLOW_ALLOW_LOOPBACK_WEBHOOKS: 'true' };
const { recipients: RECIPIENTS, ...MESSAGE } = RAW_EMAIL_MESSAGE;
const [USER1, USER2] = RECIPIENTS.map(({ emailAddress }) => emailAddress);
const LINK = 'https://example.com/offer';
const anyTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;

it("the tutorial's message reaches both recipients, and job, event and audit say what became of it", async () => {
  await onStand({ ownLedger: true, env: ENV }, async (stand) => {
    const { admin, client } = stand;
    await admin.setEmailPlan({
      jobs: [{ spamScore: 1.5 }],
      recipients: [{ address: '^user1@', does: 'click' }],
    });
    const { source } = await client.stageRows(RECIPIENTS);
    // The tutorial's recipients have no contact id by which consent could be looked up.
    const input = { message: MESSAGE, source, channelConsent: 'ignore' } as const;
    const { runId } = await client.startEmailSend(input);
    const result = await client.result<EmailSendResult>(runId);
    expect(result).toMatchObject({
      state: 'completed',
      templateId: MESSAGE.templateId,
      jobs: 1,
      counts: { total: 2, pending: 0, sent: 2 },
      delivery: {
        sent: 2,
        delivered: 2,
        rates: { delivery: 100, bounce: 0, open: 50, click: 50, complaint: 0 },
      },
    });
    await stand.conserved(runId, { result });

    const { jobs } = await admin.emailJobs();
    expect(jobs).toMatchObject([{ number: 1, status: 'completed', recipientCount: 2 }]);
    const jobId = jobs[0]?.jobId ?? '';
    expect(await admin.acceptedEmails()).toMatchObject(
      RECIPIENTS.map(({ emailAddress, mergeFields }, index) => ({
        ...{ jobId, index, toAddress: emailAddress, mergeFields, tags: [] },
        ...{ subject: MESSAGE.subject, templateId: MESSAGE.templateId, senderAddress: MESSAGE.senderAddress },
      })),
    );

    const run = await client.ledger.runs.get(runId);
    const timelines = await Promise.all([1, 2].map((seq) => client.ledger.emails.timeline(run.run_no, seq)));
    expect(
      timelines.map((messages) =>
        messages.map(({ state, events }) => [state, events.map(({ type }) => type)]),
      ),
    ).toEqual([[['delivered', ['delivery', 'open', 'click']]], [['delivered', ['delivery']]]]);

    const auditEntry = {
      jobId,
      templateId: MESSAGE.templateId,
      senderAddress: MESSAGE.senderAddress,
      recipientCount: 2,
      latencyMs: expect.any(Number) as number,
      permanentBounces: 0,
      retryCandidates: 0,
      opens: 1,
      spamScore: 1.5,
    };
    const [event, ...others] = await admin.webhooks(CRM);
    expect(others).toEqual([]);
    expect(event?.body).toEqual({
      id: expect.any(String) as string,
      event: 'email_job_completed',
      timestamp: anyTime,
      runId,
      data: {
        jobId,
        status: 'completed',
        auditEntry: { timestamp: anyTime, ...auditEntry },
        permanentFailures: [],
        retryCandidates: [],
        engagement: [{ email: USER1, openedAt: anyTime, clickedLinks: [{ url: LINK, clickedAt: anyTime }] }],
      },
    });
    const entries: unknown[] = [];
    for await (const { action, data } of client.ledger.audit.list(runId))
      if (action === 'email_job_completed') entries.push(data);
    expect(entries).toEqual([auditEntry]);
    expect(JSON.stringify(entries), 'addresses of recipients in the audit').not.toMatch(
      new RegExp(`${USER1 ?? ''}|${USER2 ?? ''}`),
    );
  });
});
