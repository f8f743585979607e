// A mask in words.
import { explainSequence, explainText } from '../../../lib/text/explain.js';
import { RecordEncoder } from '../../../lib/text/encode.js';
import { goldenTokenizer } from './fixture.js';

test('tokens and text with their weights', () => {
  const tokenizer = goldenTokenizer('byte-level');
  const { sequence } = new RecordEncoder(tokenizer, undefined).encode({
    kind: 'completion',
    prompt: 'What is 😀?',
    completion: ' It is 日.',
    weight: 0.5,
    file: 'x',
    row: 1,
    index: 0,
  });
  if (sequence === undefined) throw new Error('no sequence');
  expect(explainText(tokenizer, sequence)).toEqual([
    ['<s>What is 😀?', 0],
    [' It is 日.</s>', 0.5],
  ]);
  const tokens = explainSequence(tokenizer, sequence);
  expect(tokens[0]).toEqual({ id: tokenizer.bosId, token: '<s>', weight: 0 });
  expect(tokens.at(-1)).toEqual({ id: tokenizer.eosId, token: '</s>', weight: 0.5 });
});
