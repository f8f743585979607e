// The embedded model writes under constraints, several texts at once, greedily and at random: the masks reach the
// sampler, every text keeps to its form, and a complete text ends by itself.
import { join } from 'node:path';
import { constrain, satisfies } from '../../../../lib/eval/constrain/constraint.js';
import type { Constraint } from '../../../../lib/eval/constrain/constraint.js';
import { generateText } from '../../../../lib/eval/generate.js';
import { loadParts, openParts } from '../../../../lib/train/open.js';
import type { Opened, Parts } from '../../../../lib/train/open.js';

let parts: Parts;
let opened: Opened;
beforeAll(async () => {
  parts = await loadParts({ model: join(__dirname, '..', '..', '..', '..', 'models', 'pebble') });
  opened = await openParts(parts, { device: 'cpu', threads: 1, maxTokens: 64, maxSequences: 4, cacheTokens: 800, cacheSequences: 4 });
}, 60_000);
afterAll(() => opened?.session.close());

const CASES: readonly [string, Constraint][] = [
  ['choices', { choices: ['yes', 'no', 'no, never', 'été'] }],
  ['a regular expression', { regex: '[A-Z][a-z]{2,8} (said|went) [a-z ]{3,20}[.!]' }],
  ['a JSON schema', { jsonSchema: { type: 'object', required: ['name', 'age'], properties: { name: { type: 'string', maxLength: 10 }, age: { type: 'integer', minimum: 1, maximum: 99 }, kind: { enum: ['cat', 'dog'] } }, additionalProperties: false } }],
];

test.each(CASES)('%s', async (_, constraint) => {
  const { tokenizer, model } = parts;
  const stopTokens = tokenizer.stopIds;
  const masks = constrain(constraint, tokenizer, { stopTokens, vocabulary: model.spec.vocabulary });
  const prompts = ['Once upon a time', 'The answer is', 'She opened the door.', 'JSON:'].map((text) => ({ tokens: tokenizer.encode(text) }));
  const seen: string[] = [];
  for (const temperature of [0, 1.2]) {
    const texts = await generateText(opened.session, tokenizer, prompts, { maxNewTokens: 120, temperature, seed: 3n, stopTokens, constraint: masks });
    for (const { text, reason, tokens, logprobs } of texts) {
      expect(['complete', 'stop-token']).toContain(reason);
      expect([text, satisfies(constraint, text)]).toEqual([text, true]);
      expect(logprobs).toHaveLength(tokens.length);
      seen.push(text);
    }
  }
  expect(new Set(seen).size).toBeGreaterThan(1);
}, 60_000);

test('without room for all of it a text is the beginning of an allowed one', async () => {
  const { tokenizer, model } = parts;
  const masks = constrain({ regex: 'a{40}' }, tokenizer, { stopTokens: [], vocabulary: model.spec.vocabulary });
  const [text] = await generateText(opened.session, tokenizer, [{ tokens: tokenizer.encode('b') }], { maxNewTokens: 3, constraint: masks });
  expect(text).toMatchObject({ reason: 'length', text: expect.stringMatching(/^a{3,39}$/) });
});
