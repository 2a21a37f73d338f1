/** The message: what is accepted, and every problem with its position. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageProblems, readMessage } from '../../../src/domain/email-send/message.ts';
import { MESSAGE, messageOf, problemsOf, TEMPLATE_ID } from './messages.ts';

describe('a message', () => {
  it('needs a subject, a template and a sender, and is as it was written', () => {
    expect(readMessage(MESSAGE)).toEqual({ message: MESSAGE, recipients: null });
    expect(messageProblems(MESSAGE, 'message')).toEqual([]);
  });

  it('has merge fields with and without fallback, in either form', () => {
    const mergeFields = ['firstName | there', 'plan', 'note|', 'a|b|c', { name: 'x' }];
    expect(messageOf({ mergeFields, subject: 'Hi {{ firstName|there }}, {{plan}}' })).toEqual({
      ...MESSAGE,
      subject: 'Hi {{firstName}}, {{plan}}',
      mergeFields: [
        { name: 'firstName', fallback: 'there' },
        { name: 'plan', fallback: null },
        { name: 'note', fallback: '' },
        { name: 'a', fallback: 'b|c' },
        { name: 'x', fallback: null },
      ],
    });
  });

  it('keeps tracking omitted, and fills in true where it is given', () => {
    expect(messageOf()).not.toHaveProperty('tracking');
    expect(messageOf({ tracking: {} }).tracking).toEqual({ enableOpens: true, enableClicks: true });
    expect(messageOf({ tracking: { enableOpens: false } }).tracking).toEqual({
      enableOpens: false,
      enableClicks: true,
    });
  });

  it('accepts a GUID of any variant, and writes it in one way', () => {
    const templateId = '{3F2C8A10-5B7D-0E61-0A02-C4D8E6F01B23}';
    expect(messageOf({ templateId }).templateId).toBe('3f2c8a10-5b7d-0e61-0a02-c4d8e6f01b23');
  });

  it('may have the shape of the tutorial, with recipients inside', () => {
    const recipients = [{ toAddress: 'ada@example.com', mergeFields: { firstName: 'Ada' }, tags: [] }];
    expect(readMessage({ ...MESSAGE, recipients })).toEqual({ message: MESSAGE, recipients });
    expect(messageProblems({ ...MESSAGE, recipients }, 'message')).toEqual([
      { path: 'message.recipients', message: expect.stringMatching(/^is unknown/) as unknown },
    ]);
    expect(problemsOf({ ...MESSAGE, recipients: [] })).toEqual([
      'message.recipients must be a list of recipients',
    ]);
    expect(problemsOf({ ...MESSAGE, recipients: [{}, 'ada@example.com'] })).toEqual([
      'message.recipients[1] must be one JSON object',
    ]);
  });

  it('declares no merge field without fallback that none of the recipients inside has', () => {
    const recipients = [
      { toAddress: 'ada@example.com', 'First Name': 'Ada' },
      { toAddress: 'bob@example.com', mergeFields: { company: 'Acme' } },
    ];
    const given = { ...MESSAGE, mergeFields: ['firstName', 'company', 'city|here', 'compnay'], recipients };
    expect(problemsOf(given)).toEqual([
      'message.recipients lack a field: {{compnay}} is in no row, but there is "company". Correct the name, name the key that ' +
        'has it (--map "compnay"="your key"), or give the field a fallback in mergeFields',
    ]);
    expect(readMessage(given, 'message', { compnay: 'First Name' })).toHaveProperty('message');
    expect(problemsOf({ ...given, mergeFields: ['firstName', 'company', 'city|here'] })).toEqual([]);
  });

  it('is the same when it is read again', () => {
    const message = messageOf({
      subject: 'Hi {{firstName|there}}',
      templateId: TEMPLATE_ID.toUpperCase(),
      senderAddress: ' News@bücher.example ',
      mergeFields: ['firstName|there', 'plan'],
      tags: [' spring '],
      tracking: { enableClicks: false },
      preview: '<p>Hi {{firstName}}</p>',
    });
    expect(message).toMatchObject({ senderAddress: 'News@xn--bcher-kva.example', tags: ['spring'] });
    expect(readMessage(JSON.parse(JSON.stringify(message)))).toEqual({ message, recipients: null });
  });

  it('has all its problems at once, each with its position', () => {
    const value = {
      subjct: 'Hi',
      templateId: 'welcome',
      senderAddress: 'News <news@example.com>',
      tags: ['a', 'a', ' ', 7, '{{plan}}'],
      tracking: { enableOpens: 'yes', enableClick: true },
      mergeFields: ['plan', '', 'Plan', { name: 'x', fallback: 7 }, 'a}}b', 'y|{{plan}}', 8],
      preview: 5,
      recipients: {},
    };
    expect(problemsOf(value)).toEqual([
      'message.subject is missing',
      expect.stringMatching(
        /^message\.subjct is unknown, perhaps it should be subject; known fields: subject,/,
      ),
      expect.stringMatching(/^message\.templateId must be the GUID/),
      'message.senderAddress has more than the address; write it without a name and < >',
      'message.tags[2] must be a text that is not blank',
      'message.tags[3] must be a text that is not blank',
      'message.tags[4] must not have {{ or }}, because nothing is merged into a tag',
      expect.stringMatching(/^message\.tracking\.enableClick is unknown, perhaps it should be enableClicks/),
      'message.tracking.enableOpens must be true or false',
      expect.stringMatching(/^message\.mergeFields\[1\] must begin with the name/),
      'message.mergeFields[3].fallback must be a text',
      expect.stringMatching(/^message\.mergeFields\[4\] must be a name without/),
      'message.mergeFields[5] must have a fallback without {{ and }}',
      'message.mergeFields[6] must be a text such as "firstName|there"',
      'message.preview must be a text',
      'message.recipients must be a list of recipients',
    ]);
    expect(
      problemsOf({ ...MESSAGE, tags: ['a', 'b', 'a'], mergeFields: ['first name', 'firstName'] }),
    ).toEqual(['message.tags[2] is there twice', 'message.mergeFields[1] has a name that is there already']);
    expect(problemsOf({ ...MESSAGE, mergeFields: [] })).toEqual([
      'message.mergeFields must have at least one field; leave it out to send every column',
    ]);
  });

  it.each([null, undefined, [], 'text', 7])('is not %j', (value) => {
    expect(problemsOf(value)).toEqual(['message must be one JSON object']);
  });

  it('is read or refused, whatever it is', () => {
    const known = ['subject', 'templateId', 'senderAddress', 'tags', 'tracking', 'mergeFields', 'preview'];
    const value = fc.dictionary(fc.oneof(fc.constantFrom(...known), fc.string()), fc.jsonValue());
    fc.assert(
      fc.property(value, (given) => {
        const read = readMessage(given);
        if ('message' in read) expect(readMessage(read.message)).toEqual({ ...read, recipients: null });
        else expect(read.problems.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('a subject', () => {
  it.each([
    ['x'.repeat(998), []],
    ['😀'.repeat(998), []],
    ['Single {braces} are text', []],
    ['', ['must not be blank']],
    [' \u00a0', ['must not be blank']],
    ['x'.repeat(999), ['must have at most 998 characters, but has 999']],
    ['😀'.repeat(999), ['must have at most 998 characters, but has 999']],
    ['a\r\nBcc: x@example.com', ['must not have a control character (character 2)']],
    ['a\u0085', ['must not have a control character (character 2)']],
    ['a\u2028', ['must not have a control character (character 2)']],
    ['a\ud800', ['must not have half of a surrogate pair (character 2)']],
    ['Hi {{', ['has braces that are no merge field; write {{name}}']],
    ['Hi {{plan}', ['has braces that are no merge field; write {{name}}']],
    ['Hi {plan}}', ['has braces that are no merge field; write {{name}}']],
    ['Hi {{{plan}}}', ['has braces that are no merge field; write {{name}}']],
    ['Hi {{}}', ['has braces that are no merge field; write {{name}}']],
    ['Hi {{plan|}}{{ |x}}', ['has braces that are no merge field; write {{name}}']],
  ])('%j', (subject, problems) => {
    expect(problemsOf({ ...MESSAGE, subject, mergeFields: ['plan'] })).toEqual(
      problems.map((each) => `message.subject ${each}`),
    );
  });

  const withFields = (subject: string, mergeFields?: readonly string[]) =>
    problemsOf({ ...MESSAGE, subject, ...(mergeFields && { mergeFields }) });

  it('uses declared merge fields only', () => {
    expect(withFields('{{plan}} {{compnay}} {{compnay}} {{Plan}}', ['plan', 'company'])).toEqual([
      'message.subject uses {{compnay}}, which is not in mergeFields, perhaps it should be {{company}}',
      'message.subject uses {{Plan}}, which is not in mergeFields, perhaps it should be {{plan}}',
    ]);
    const [undeclared] = withFields('Hi {{firstName}}');
    expect(undeclared).toContain('uses {{firstName}}, which is not in mergeFields; add its name there');
  });

  it('may repeat the fallback of a merge field, but not have another one', () => {
    expect(withFields('Hi {{firstName|there}}', ['firstName|there'])).toEqual([]);
    for (const declared of ['firstName', 'firstName|friend'])
      expect(withFields('Hi {{firstName|there}}', [declared])).toEqual([
        'message.subject has another fallback for {{firstName}} than mergeFields; write it only there',
      ]);
  });

  it('uses no field whose fallback has a line break', () => {
    expect(withFields('Hi {{a}}', ['a|x\ny', 'b|x\ny'])).toEqual([
      'message.subject uses {{a}}, whose fallback must not have a control character (character 2)',
    ]);
  });
});

describe('a preview', () => {
  it('uses declared merge fields only, if any are declared', () => {
    const preview = '<style>@media print{a{b:c}}</style>Hi {{firstName}} of {{compnay}}';
    expect(problemsOf({ ...MESSAGE, preview })).toEqual([]);
    expect(problemsOf({ ...MESSAGE, preview, mergeFields: ['firstName', 'company'] })).toEqual([
      'message.preview uses {{compnay}}, which is not in mergeFields, perhaps it should be {{company}}',
    ]);
  });
});
