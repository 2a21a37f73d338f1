/** People who object, and addresses that do not exist: what follows beyond the message, here and in CXone. */
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { emailStand, people, person } from './email-sends.ts';
import { createEnvironment, runActivity } from './harness.ts';
import { optIn, stored } from './preferences.ts';

const { opened, start, ageJobs } = emailStand();

type Cxone = Awaited<ReturnType<typeof start>>;
type Run = Awaited<ReturnType<Cxone['sent']>>;

describe('what events mean beyond their message', () => {
  it('keeps people and addresses from being sent anything again, once', async () => {
    const persons = [person(), person(), person(), person()] as const;
    const does = (index: 0 | 1 | 2 | 3, what: 'hard' | 'complaint' | 'unsubscribe' | 'policy') => ({
      address: persons[index].email.replace('.', '\\.'),
      does: what,
    });
    const recipients = [does(0, 'hard'), does(1, 'complaint'), does(2, 'unsubscribe'), does(3, 'policy')];
    const cxone = await start({ plan: { recipients } });
    const run = await cxone.sent(persons, { watchEvents: '1h' });
    await cxone.trackOnce(run);
    await cxone.trackOnce(run);
    expect(await cxone.trackOnce(run)).toMatchObject({ optOuts: 2, policyBounces: 1 });
    const again = await cxone.sent(persons);
    expect(await cxone.outcomes(again)).toEqual({
      1: 'suppressed suppressed',
      2: 'suppressed suppressed',
      3: 'suppressed suppressed',
      4: 'sent',
    });
    // By their ids, too.
    const elsewhere = persons.map(({ contactId, email }) => ({ contactId, email: `other-${email}` }));
    expect(await cxone.outcomes(await cxone.sent(elsewhere))).toMatchObject({
      1: 'sent',
      2: 'suppressed suppressed',
      3: 'suppressed suppressed',
    });
  });

  it.each(['hard bounce', 'complaint', 'unsubscription'])(
    'counts from the moment of the %s, if that is between the sending and now',
    async (what) => {
      const recipients = [person(), person(), person()];
      const cxone = await start({ plan: { recipients: [{ does: 'nothing' }] } });
      await cxone.admin.change({ emailRecipientsInAnswer: true });
      const run = await cxone.sent(recipients);
      await ageJobs(run, 2);
      const before = await opened().ledger.now();
      const [job] = await cxone.jobs(run);
      const sentAt = job?.submittedAt ?? before;
      const [hour, during] = [3_600_000, new Date(before.getTime() - 3_600_000)];
      const stamps = [new Date(sentAt.getTime() - hour), during, new Date('2099-01-01T00:00:00Z')];
      const events = (await cxone.admin.acceptedEmails()).map(({ messageId }, index) => ({
        ...(what === 'hard bounce'
          ? { eventType: 'bounce', bounceCode: '5.1.1' }
          : { eventType: what === 'complaint' ? what : 'unsubscribe' }),
        ...{ messageId, timestamp: stamps[index] },
      }));
      await cxone.admin.addEmailEvents(job?.jobId ?? '', events);
      for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run);
      const { suppressions } = opened().ledger;
      const found = await suppressions.findAddresses(recipients.map(({ email }) => email));
      const since = recipients.map(({ email }) => found.find(({ mailbox }) => mailbox === email)?.since);
      expect(since.slice(0, 2)).toEqual([sentAt, during]);
      expect(since[2]?.getTime()).toBeGreaterThanOrEqual(before.getTime());
      expect(since[2]?.getTime()).toBeLessThanOrEqual(Date.now() + hour);
      const people = await suppressions.find(
        recipients.map(({ contactId }) => contactId),
        ['email'],
      );
      expect(people.map((each) => each.since)).toEqual(what === 'hard bounce' ? [] : since);
    },
  );

  it.each([
    ['bounce', 'says nothing if ids are known'],
    ['complaint', 'is believed in any case'],
  ])('a %s by its address alone %s', async (eventType) => {
    const [named, unnamed] = [person(), person()];
    const cxone = await start({ plan: { recipients: [{ does: 'nothing' }] } });
    const runs = [];
    for (const [recipient, emailRecipientsInAnswer] of [
      [named, true],
      [unnamed, false],
    ] as const) {
      await cxone.admin.change({ emailRecipientsInAnswer });
      const run = await cxone.sent([recipient]);
      const [job] = await cxone.jobs(run);
      const event = {
        eventType,
        emailAddress: recipient.email,
        bounceCode: '5.1.1',
        timestamp: new Date(),
      };
      await cxone.admin.addEmailEvents(job?.jobId ?? '', [event]);
      for (let pass = 1; pass <= 2; pass += 1) await cxone.trackOnce(run);
      runs.push(run);
    }
    const found = await opened().ledger.suppressions.findAddresses([named.email, unnamed.email]);
    const expected = eventType === 'bounce' ? [unnamed.email] : [named.email, unnamed.email];
    expect(found.map(({ mailbox }) => mailbox).toSorted()).toEqual(expected.toSorted());
  });

  it('opt-outs are staged for the preferences in CXone, and marked', async () => {
    const [complainer, anonymous] = [person(), { email: person().email }];
    const cxone = await start({ plan: { recipients: [{ does: 'complaint' }] } });
    const { activities } = cxone;
    const run = await cxone.sent([complainer, anonymous]);
    expect(await cxone.track(run)).toMatchObject({ optOuts: 2 });
    const runId = run.run_id;
    const staged = await runActivity(() => activities.stageOptOuts(runId));
    expect(staged).toMatchObject({
      rows: 1,
      messages: [
        [1, 1],
        [2, 1],
      ],
    });
    // An event that is ahead of our clock counts as of now, so the rows may be others by then.
    const { rows, messages } = staged ?? { rows: 0, messages: [] };
    expect(await runActivity(() => activities.stageOptOuts(runId))).toMatchObject({ rows, messages });
    await runActivity(() => activities.markOptOutsSynced({ runId, messages }));
    expect(await runActivity(() => activities.stageOptOuts(runId))).toBeNull();
    expect(await cxone.track(run)).toMatchObject({ optOuts: 0, isEnded: true });
  });
});

describe('the preference of whoever has objected', () => {
  const stage = async (cxone: Cxone, run: Run, attempt = 1) => {
    const env = createEnvironment({ attempt });
    const staged = await runActivity(() => cxone.activities.stageOptOuts(run.run_id), env);
    const rows = await text(opened().ledger.datasets.read(staged?.dataset ?? ''));
    return rows
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as object);
  };

  const unsubscribed = async (persons: ReturnType<typeof people>) => {
    const cxone = await start({ plan: { recipients: [{ does: 'unsubscribe' }] } });
    const run = await cxone.sent(persons);
    await cxone.track(run);
    return { cxone, run };
  };

  const PREFERENCES = { method: 'GET', family: 'preferences' } as const;

  it('keeps its region and the date of the consent, which an update would replace', async () => {
    const [dated, undated, unknown] = [person(), person(), person()];
    const { cxone, run } = await unsubscribed([dated, undated, unknown]);
    const inEurope = ({ contactId }: typeof dated, consentTimestamp: string | null) =>
      stored({ ...optIn(1, 300), contactId, regulatoryRegion: 'GDPR', consentTimestamp });
    const { consentTimestamp } = optIn(1, 300);
    await cxone.admin.seedPreferences([inEurope(dated, consentTimestamp), inEurope(undated, null)]);
    const nothing = { regulatoryRegion: 'NONE', consentTimestamp: null };
    expect(await stage(cxone, run)).toMatchObject([
      { contactId: dated.contactId, optIn: false, regulatoryRegion: 'GDPR', consentTimestamp },
      // CXone takes no opt-out under GDPR without the date.
      { contactId: undated.contactId, optIn: false, ...nothing },
      { contactId: unknown.contactId, optIn: false, ...nothing },
    ]);
  });

  it('is updated even if CXone refuses to show it, and after a while if it does not answer', async () => {
    const { cxone, run } = await unsubscribed(people(1));
    await cxone.admin.setFaults([{ match: PREFERENCES, fault: { status: 503 } }]);
    await expect(stage(cxone, run)).rejects.toThrow('503');
    expect(await stage(cxone, run, 11)).toMatchObject([{ optIn: false, regulatoryRegion: 'NONE' }]);
    await cxone.admin.setFaults([{ match: PREFERENCES, fault: { status: 403 } }]);
    expect(await stage(cxone, run)).toMatchObject([{ optIn: false, regulatoryRegion: 'NONE' }]);
  });
});
