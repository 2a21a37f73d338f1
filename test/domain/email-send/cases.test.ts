/** Files as people have them, and exactly what becomes of each row. */
import { describe, expect, it } from 'vitest';
import { recipientMapProblems } from '../../../src/domain/email-send/columns.ts';
import { renderSample } from '../../../src/domain/email-send/samples.ts';
import { messageOf, readCsv, reasonsOf } from './messages.ts';

describe('one bad address', () => {
  const rows = readCsv(
    `
contactId,email
A-1,ok1@example.com
A-2,user@example.com.
A-3,"user@example,com"
A-4,user@@example.com
A-5,Ann <ann@example.com>
A-6, ok2@example.com\u00a0
A-7,a@example.com;b@example.com
A-8,refused@example.com
A-9,gone@no-such-domain.invalid
A-10,
A-11,ok3@example.com
`,
    messageOf(),
  );

  it('stops nobody else', () => {
    const sent = rows.flatMap(({ line, read }) => ('record' in read ? [[line, read.record.toAddress]] : []));
    expect(sent).toEqual([
      [2, 'ok1@example.com'],
      [7, 'ok2@example.com'],
      [9, 'refused@example.com'],
      [10, 'gone@no-such-domain.invalid'],
      [12, 'ok3@example.com'],
    ]);
  });

  it('has a reason that names its cause', () => {
    const invalid = rows.flatMap(({ line, read }) =>
      'reasons' in read ? [[line, read.reasons.map(({ code, message }) => `${code}: ${message}`)]] : [],
    );
    expect(invalid).toEqual([
      [3, ['email_not_an_address: is not an email address: it has a dot at the end']],
      [4, ['email_not_an_address: is not an email address: it has "," after the @']],
      [5, ['email_not_an_address: is not an email address: it has more than one @']],
      [6, ['email_has_name: has more than the address; write it without a name and < >']],
      [8, ['email_has_several: has several addresses; write one row for each person']],
      [11, ['email_missing: has no email address']],
    ]);
  });
});

describe('a merge field that is missing', () => {
  const csv = `
contactId,email,firstName,plan,company
V-1,v1@example.com,Ana,Gold,Acme
V-2,v2@example.com,,Gold,Acme
V-3,v3@example.com,Cy,,Acme
V-4,v4@example.com,{{plan}},<b>x</b>,Acme
`;
  const columns = ['contactId', 'email', 'firstName', 'plan', 'company'];

  it('is one problem before anything happens if no column has it', () => {
    const message = messageOf({
      subject: 'Hi {{firstName|there}}',
      mergeFields: ['firstName|there', 'plan', 'compnay'],
    });
    expect(recipientMapProblems(columns, {}, message)).toEqual([
      expect.stringMatching(
        /^\{\{compnay\}\} is in no column; the columns are "contactId", "email", "firstName", "plan", "company"\./,
      ),
    ]);
  });

  const body = 'Hi {{firstName|there}}, your {{plan}} at {{company}}';
  const fixed = {
    subject: 'Hi {{firstName|there}}',
    mergeFields: ['firstName|there', 'plan', 'company'],
  };
  const message = messageOf({ ...fixed, preview: body });
  const rows = readCsv(csv, message);

  it('makes the one recipient who lacks it invalid', () => {
    expect(rows.map(({ read }) => reasonsOf(read))).toEqual([[], [], [['merge_field_missing', 'plan']], []]);
  });

  it('is sent in full to the others, literally and with fallbacks', () => {
    const sent = rows.flatMap(({ read }) => ('record' in read ? [read.record] : []));
    expect(message.subject).toBe('Hi {{firstName}}');
    expect(sent.map(({ mergeFields }) => mergeFields)).toEqual([
      { firstName: 'Ana', plan: 'Gold', company: 'Acme' },
      { firstName: 'there', plan: 'Gold', company: 'Acme' },
      { firstName: '{{plan}}', plan: '<b>x</b>', company: 'Acme' },
    ]);
    const html = messageOf({ ...fixed, preview: `<p>${body}</p>` });
    const shown = (each: typeof message) =>
      sent.map((recipient) => {
        const { subject, preview } = renderSample(each, recipient);
        return [subject, preview?.content];
      });
    expect(shown(message)).toEqual([
      ['Hi Ana', 'Hi Ana, your Gold at Acme'],
      ['Hi there', 'Hi there, your Gold at Acme'],
      ['Hi {{plan}}', 'Hi {{plan}}, your <b>x</b> at Acme'],
    ]);
    expect(shown(html)[2]).toEqual(['Hi {{plan}}', '<p>Hi {{plan}}, your &lt;b&gt;x&lt;/b&gt; at Acme</p>']);
  });
});

describe('figures that add up', () => {
  it('start with two invalid addresses and one mailbox that is there twice', () => {
    const rows = readCsv(
      `
contactId,email,consent
G-1,g1@example.com,yes
G-2,g2@example.com,yes
G-6,g6@@example.com,yes
G-7,,yes
G-8,G1@example.com,yes
`,
      messageOf(),
    );
    expect(rows.map(({ read }) => ('mailbox' in read ? read.mailbox : reasonsOf(read)[0]?.[0]))).toEqual([
      'g1@example.com',
      'g2@example.com',
      'email_not_an_address',
      'email_missing',
      'g1@example.com',
    ]);
  });
});
