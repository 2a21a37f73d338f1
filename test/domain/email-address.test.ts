/** What is one email address, and which spellings are one mailbox. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldAddress as foldAtCxone } from '../../src/cxone/email.wire.ts';
import { foldAddress, readEmailAddress, toMailbox } from '../../src/domain/email-address.ts';
import { identifyEntry } from '../../src/domain/identifiers.ts';
import { identifiersOf } from '../../src/domain/list-load/identity.ts';

const reasonOf = (text: string) => {
  const read = readEmailAddress(text);
  return 'reason' in read ? read.reason : null;
};

describe('an email address', () => {
  it.each([
    ['ok1@example.com', 'ok1@example.com', 'ok1@example.com'],
    [' ok2@example.com\u00a0', 'ok2@example.com', 'ok2@example.com'],
    ['\tAnn.Lee+News@Example.COM\r\n', 'Ann.Lee+News@Example.COM', 'ann.lee+news@example.com'],
    ["o'neil_!#$%&*/=?^`{|}~-@example.co.uk", "o'neil_!#$%&*/=?^`{|}~-@example.co.uk", null],
    ['ann@bücher.example', 'ann@xn--bcher-kva.example', 'ann@xn--bcher-kva.example'],
    ['ann@XN--BCHER-KVA.example', 'ann@XN--BCHER-KVA.example', 'ann@xn--bcher-kva.example'],
    ['ann@例え。テスト', 'ann@xn--r8jz45g.xn--zckzah', 'ann@xn--r8jz45g.xn--zckzah'],
    ['Jose\u0301@example.com', 'José@example.com', 'josé@example.com'],
    ['user@no-such-domain.invalid', 'user@no-such-domain.invalid', 'user@no-such-domain.invalid'],
    [`${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`, null],
    [`${'é'.repeat(32)}@example.com`, `${'é'.repeat(32)}@example.com`, null],
  ])('is %j', (text, address, mailbox) => {
    expect(readEmailAddress(text)).toEqual({ address, mailbox: mailbox ?? address });
    expect(toMailbox(text)).toBe(mailbox ?? address);
  });

  it.each([
    ['', 'email_missing', 'has no email address'],
    [' \u00a0\t', 'email_missing', 'has no email address'],
    ['user@example.com.', 'email_not_an_address', 'a dot at the end'],
    ['user@example,com', 'email_not_an_address', '"," after the @'],
    ['user@@example.com', 'email_not_an_address', 'more than one @'],
    ['user@other@example.com', 'email_not_an_address', 'more than one @'],
    ['user.example.com', 'email_not_an_address', 'no @'],
    ['@example.com', 'email_not_an_address', 'nothing before the @'],
    ['user@', 'email_not_an_address', 'nothing after the @'],
    ['user@example', 'email_not_an_address', 'no dot'],
    ['user@example..com', 'email_not_an_address', 'a dot too many after the @'],
    ['user@.example.com', 'email_not_an_address', 'a dot too many after the @'],
    ['.user@example.com', 'email_not_an_address', 'a dot too many before the @'],
    ['us..er@example.com', 'email_not_an_address', 'a dot too many before the @'],
    ['user.@example.com', 'email_not_an_address', 'a dot too many before the @'],
    ['user@-example.com', 'email_not_an_address', 'begins or ends with -'],
    ['user@ü-.example', 'email_not_an_address', 'begins or ends with -'],
    ['user@exam_ple.com', 'email_not_an_address', '"_" after the @'],
    ['user@192.0.2.1', 'email_not_an_address', 'its domain cannot be one'],
    ['user@１９２.０.２.１', 'email_not_an_address', 'its domain cannot be one'],
    ['user@[192.0.2.1]', 'email_not_an_address', '"[" after the @'],
    ['user@xn--a.com', 'email_not_an_address', 'its domain cannot be one'],
    [`user@${'a'.repeat(64)}.com`, 'email_not_an_address', 'its domain cannot be one'],
    ['"user"@example.com', 'email_not_an_address', '""" before the @'],
    ['mailto:user@example.com', 'email_not_an_address', '":" before the @'],
    ['o’neil@example.com', 'email_not_an_address', 'U+2019 before the @'],
    ['user＠example.com', 'email_not_an_address', 'no @'],
    ['Ann <ann@example.com>', 'email_has_name', 'without a name'],
    ['<ann@example.com>', 'email_has_name', 'without a name'],
    ['Ann Lee ann@example.com', 'email_has_blank', 'U+0020'],
    ['ann\u00a0lee@example.com', 'email_has_blank', 'U+00A0'],
    ['a@example.com;b@example.com', 'email_has_several', 'several addresses'],
    ['a@example.com, b@example.com', 'email_has_several', 'several addresses'],
    ['a@example.com b@example.com', 'email_has_several', 'several addresses'],
    ['Ann <a@example.com>, Bob <b@example.com>', 'email_has_several', 'several addresses'],
    ['ann\u200b@example.com', 'email_has_invisible_character', 'U+200B'],
    ['ann@example.com\u200e', 'email_has_invisible_character', 'U+200E'],
    ['ann@exam\u00adple.com', 'email_has_invisible_character', 'U+00AD'],
    ['ann\u202e@example.com', 'email_has_invisible_character', 'U+202E'],
    ['ann@example.com\r\nBcc:x', 'email_has_invisible_character', 'U+000D'],
    ['ann\u3164@example.com', 'email_has_invisible_character', 'U+3164'],
    ['ann\0@example.com', 'email_has_invisible_character', 'U+0000'],
    ['ann\ud800@example.com', 'email_has_invisible_character', 'U+D800'],
    [`${'a'.repeat(65)}@example.com`, 'email_too_long', '64 bytes'],
    [`${'é'.repeat(33)}@example.com`, 'email_too_long', '64 bytes'],
    [`user@${`${'a'.repeat(60)}.`.repeat(4)}example.com`, 'email_not_an_address', 'its domain cannot be one'],
    [`${'a'.repeat(20)}@${`${'a'.repeat(57)}.`.repeat(4)}com`, 'email_too_long', '254'],
  ])('is not %j', (text, code, cause) => {
    expect(reasonOf(text)).toEqual({ code, message: expect.stringContaining(cause) as unknown });
    expect(toMailbox(text)).toBeNull();
  });

  it('has a reason for every other text, which never contains the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 3 }), (text) => {
        const read = readEmailAddress(text);
        if ('mailbox' in read) expect(readEmailAddress(read.address)).toEqual(read);
        else expect(read.reason.message).not.toContain(text.trim() || '\0');
      }),
    );
    expect(reasonOf('Confidential <secret@hidden.example>')?.message).not.toMatch(/secret|hidden|Confid/);
  });

  it('is read in no time from a text of any length', () => {
    for (const text of ['a'.repeat(1_000_000), `${'a@'.repeat(300_000)}x`, `a@${'a.'.repeat(300_000)}com`])
      expect(toMailbox(text)).toBeNull();
  });
});

/** Letters of which a capital and a small one are a pair, also after composition. */
const letter = fc.constantFrom(...'abcxyzéüñøжяωσά', 'e\u0301', 'j\u030c');
const local = fc.array(fc.oneof(letter, fc.constantFrom(...'019-_')), { minLength: 1, maxLength: 20 });
const label = fc.array(fc.constantFrom(...'abcxyzéüñøжя019', 'u\u0308'), { minLength: 1, maxLength: 12 });
const mailbox = fc
  .tuple(local, fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom('com', 'example', 'рф'))
  .map(([name, labels, top]) => `${name.join('')}@${[...labels.map((each) => each.join('')), top].join('.')}`)
  .filter((text) => toMailbox(text) !== null);

const blanks = fc.constantFrom('', ' ', '\u00a0', '\t', '\r\n', '\u2003', '\ufeff');
const cases = fc.constantFrom(
  (text: string) => text,
  (text: string) => text.toUpperCase(),
  (text: string) => text.toLowerCase(),
);
const form = fc.constantFrom('NFC' as const, 'NFD' as const);
const asciiDomain = (text: string) => {
  const [name = '', domain = ''] = text.split('@');
  return `${name}@${new URL(`http://${domain}`).hostname}`;
};

describe('the folding of addresses', () => {
  it('agrees on every spelling of a mailbox: case, NFC and NFD, IDN, blanks', () => {
    fc.assert(
      fc.property(
        mailbox,
        blanks,
        blanks,
        cases,
        form,
        fc.boolean(),
        (text, before, after, toCase, nf, idn) => {
          const spelt = toCase(idn ? asciiDomain(text) : text).normalize(nf);
          expect(toMailbox(`${before}${spelt}${after}`)).toBe(toMailbox(text));
        },
      ),
    );
    expect(toMailbox('ΟΔΟΣ@example.com')).toBe(toMailbox('οδος@example.com'));
    expect(toMailbox('ann@ΟΔΟΣ.example')).toBe(toMailbox('ann@οδοσ.example'));
  });

  it('is done once: a folded address is its own mailbox', () => {
    fc.assert(fc.property(mailbox, (text) => toMailbox(toMailbox(text) ?? '') === toMailbox(text)));
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => foldAddress(foldAddress(text)) === foldAddress(text),
      ),
    );
  });

  it('keeps mailboxes apart that differ by a plus sign, a dot, or anything else', () => {
    const plain = fc.stringMatching(/^[a-z\d]{2,20}$/);
    fc.assert(
      fc.property(plain, fc.nat(), fc.constantFrom('.', '+'), (name, where, sign) => {
        const at = 1 + (where % (name.length - 1));
        const other = `${name.slice(0, at)}${sign}${name.slice(at)}`;
        expect(toMailbox(`${other}@example.com`)).not.toBe(toMailbox(`${name}@example.com`));
      }),
    );
    expect(toMailbox('ann+news@example.com')).not.toBe(toMailbox('ann@example.com'));
    expect(toMailbox('a@faß.example')).not.toBe(toMailbox('a@fass.example'));
    expect(toMailbox('a@example.com')).not.toBe(toMailbox('a@example.org'));
  });

  it('is the one by which the client for CXone compares addresses, too', () => {
    fc.assert(
      fc.property(mailbox, blanks, cases, form, (text, blank, toCase, nf) => {
        const written = `${blank}${toCase(text).normalize(nf)}`;
        expect(foldAtCxone(written)).toBe(toMailbox(written));
      }),
    );
    for (const written of ['ΟΔΟΣ@ΟΔΟΣ.example', 'οδος@οδος.example', 'J\u030c@Bücher.example'])
      expect(foldAtCxone(written)).toBe(toMailbox(written));
  });

  it('is the one by which suppression lists of every operation compare addresses', () => {
    fc.assert(
      fc.property(mailbox, cases, form, (text, toCase, nf) => {
        const identifier = `email:${toMailbox(text)}`;
        const written = toCase(text).normalize(nf);
        expect(identifyEntry({ emailAddress: written }).identifiers).toEqual([identifier]);
        expect(identifiersOf({ fields: [{ name: 'mail', value: written }] })).toEqual([identifier]);
      }),
    );
  });
});
