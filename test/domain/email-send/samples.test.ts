/** What people see of emails before they approve them, and the laws of merging. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskRecipient, renderSample } from '../../../src/domain/email-send/samples.ts';
import { mergeTemplate, namesIn, parseTemplate } from '../../../src/domain/email-send/template.ts';

const toAddress = 'ann@example.com';

describe('a sample', () => {
  it('shows subject and preview as they will be read, and masks the address', () => {
    const message = { subject: 'Hi {{firstName}}', preview: 'Your {{plan}}\nfor {{firstName}} <{{email}}>' };
    const mergeFields = { firstName: 'Ann', plan: 'R&D', email: 'ann@example.com' };
    expect(renderSample(message, { toAddress, mergeFields })).toEqual({
      toAddress: 'a…@…',
      subject: 'Hi Ann',
      preview: { format: 'text', content: 'Your R&D\nfor Ann <a…@…>' },
    });
    expect(renderSample({ subject: 'Hi' }, { toAddress, mergeFields }).preview).toBeNull();
  });

  it('escapes values in HTML', () => {
    const preview = '<a href="x?p={{plan}}">{{plan}}</a>';
    const { preview: shown } = renderSample(
      { subject: 'Hi', preview },
      { toAddress, mergeFields: { plan: `<b>"'&` } },
    );
    expect(shown).toEqual({
      format: 'html',
      content: '<a href="x?p=&lt;b&gt;&quot;&#39;&amp;">&lt;b&gt;&quot;&#39;&amp;</a>',
    });
  });

  it('leaves a place as it is written if nobody knows its value', () => {
    const message = { subject: 'Hi', preview: '{{constructor}} {{plan}}' };
    expect(renderSample(message, { toAddress, mergeFields: { plan: 'gold' } }).preview?.content).toBe(
      '{{constructor}} gold',
    );
  });

  it('hides every value where only the columns matter', () => {
    const recipient = {
      contactId: 'A-4711',
      toAddress,
      mergeFields: { plan: 'Gold', n: '7' },
      tags: ['vips', 'x'],
    };
    expect(maskRecipient(recipient)).toEqual([
      ['contactId', 'A…'],
      ['toAddress', 'a…@…'],
      ['plan', 'G…'],
      ['n', '…'],
      ['tags', 'v…;…'],
    ]);
  });
});

describe('merging', () => {
  const name = fc.stringMatching(/^[a-z]{1,5}$/);
  /** Often looks like a template itself, or like a pattern of a replacement. */
  const text = fc
    .array(fc.oneof(fc.string(), fc.constantFrom('{{', '}}', '{', '}', '{{a}}', '$&', '$1', '|')))
    .map((parts) => parts.join(''));
  const literal = fc.string().map((each) => each.replaceAll(/[{}]/g, ''));

  it('inserts every value literally, in one pass', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(literal, name)),
        literal,
        fc.dictionary(name, text),
        (places, end, values) => {
          const valueOf = (field: string) => (Object.hasOwn(values, field) ? (values[field] ?? '') : 'none');
          const written = places.map(([before, field]) => `${before}{{${field}}}`).join('') + end;
          const merged = places.map(([before, field]) => before + valueOf(field)).join('') + end;
          expect(mergeTemplate(parseTemplate(written), valueOf)).toBe(merged);
        },
      ),
    );
  });

  it('loses nothing of a text: with every place written back it is the same', () => {
    fc.assert(
      fc.property(text, (written) => {
        const parts = parseTemplate(written.replaceAll(/[|\s]/g, ''));
        expect(mergeTemplate(parts, (field) => `{{${field}}}`)).toBe(written.replaceAll(/[|\s]/g, ''));
      }),
    );
  });

  it('knows the names in a text', () => {
    expect(namesIn(parseTemplate('{{ a }} {{b|x}} {{a}} {c} {{d}'))).toEqual(['a', 'b']);
  });
});
