// The same ids, offsets, texts, renderings and masks as tokenizers and transformers give (test/golden/templates.py).
import { TemplateRefusal } from '../../../lib/text/chat-template.js';
import { maskConversation } from '../../../lib/text/mask.js';
import { tokenWeights } from '../../../lib/text/token-weights.js';
import { chatMessages, fixtureTemplate, golden, goldenTokenizer } from './fixture.js';

/** Python counts code points, JavaScript UTF-16 units. */
function utf16(text: string, at: number): number {
  return [...text].slice(0, at).join('').length;
}

describe.each(Object.keys(golden.tokenizers))('the %s tokenizer', (name) => {
  const texts = golden.texts.filter(({ tokenizer }) => tokenizer === name);
  const tokenizer = goldenTokenizer(name);

  test.each(texts)('gives the ids of $text', ({ text, ids, special }) => {
    expect([...tokenizer.encode(text)]).toEqual(ids);
    expect([...tokenizer.encode(text, { special: true })]).toEqual(special);
  });

  test.each(texts)('gives the offsets of $text', ({ text, ids, offsets }) => {
    const { begin, end } = tokenizer.encodeWithSpans(text);
    expect(begin).toBeDefined();
    const own = offsets.map(([from, to]) => [utf16(text, from), utf16(text, to)] as const);
    // Differences by choice: composed characters cover all that they came from, white space that an added token
    // swallows belongs to no token, and a space put in front of the text has no character.
    const loose = text !== text.normalize('NFC') || text.includes('<|end|>') || text.startsWith(' ');
    ids.forEach((_, i) => {
      const [from, to] = own[i] as readonly [number, number];
      const [b, e] = [begin?.[i] as number, end?.[i] as number];
      if (b === e) return;
      if (loose) expect(Math.max(Math.abs(b - from), Math.abs(e - to))).toBeLessThanOrEqual(2);
      else expect([b, e]).toEqual([from, to]);
    });
  });

  test.each(texts)('decodes the ids of $text', ({ ids, decoded }) => {
    expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(decoded);
  });
});

describe.each([...new Set(golden.chats.map(({ template }) => template))])('the template %s', (name) => {
  const cases = golden.chats.filter(({ template }) => template === name);

  test.each(cases)(
    'renders "$chat", generation prompt $addGenerationPrompt',
    ({ messages, variables, addGenerationPrompt, text, refused }) => {
      const { tools, ...rest } = variables as { tools?: unknown[] };
      const template = fixtureTemplate(name, { variables: rest });
      const render = () =>
        template.render(messages, { addGenerationPrompt, ...(tools === undefined ? {} : { tools }) });
      if (refused !== undefined) expect(render).toThrow(TemplateRefusal);
      else expect(render()).toBe(text);
    },
  );

  const tokenised = cases.filter(({ ids }) => ids !== undefined);
  test.each(tokenised)('gives the ids of "$chat"', ({ text, ids }) => {
    for (const [tokenizer, expected] of Object.entries(ids ?? {}))
      expect([...goldenTokenizer(tokenizer).encode(text as string)]).toEqual(expected);
  });

  const marked = cases.filter(({ mask }) => mask !== undefined);
  if (marked.length > 0) {
    test.each(marked)('masks "$chat" as return_assistant_tokens_mask does', ({ messages, mask }) => {
      const place = { file: 'x.jsonl', row: 1 };
      const masked = maskConversation(
        fixtureTemplate(name),
        { messages: chatMessages(messages), place },
        { stops: ['</s>'], added: [] },
      );
      for (const [tokenizer, expected] of Object.entries(mask ?? {})) {
        const { weights } = tokenWeights(goldenTokenizer(tokenizer), masked, false, place);
        expect([...weights]).toEqual(expected);
      }
    });
  }
});
