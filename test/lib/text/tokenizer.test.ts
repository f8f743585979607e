// Decoding in streams, ids that do not fit, special tokens of all kinds, and tokenizer files that are broken.
import * as fc from 'fast-check';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { alignTokens } from '../../../lib/text/align.js';
import { WindowStreamDecoder } from '../../../lib/text/stream-decoder.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { rejection, temporaryFolder } from '../../support/folder.js';
import { golden, goldenTokenizer } from './fixture.js';

const folder = temporaryFolder();
const names = Object.keys(golden.tokenizers);
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'the ',
    ' ',
    '\n',
    '\t',
    'é',
    'e\u0301',
    '한',
    '日',
    '😀',
    '👩‍👩‍👧',
    '\u0000',
    '<s>',
    '<|end|>',
    '<think>',
    '\u2581',
    '\ufffd',
    '\ufeff',
  ),
  maxLength: 30,
});

test.each(names)('%s: text survives encoding and decoding, piece by piece and at once', (name) => {
  const tokenizer = goldenTokenizer(name);
  fc.assert(
    fc.property(text, (value) => {
      // These tokenizers compose characters, read "▁" as a space, or swallow white space beside added tokens.
      fc.pre(
        !value.includes('<|end|>') &&
          !(name === 'first-space' && value.startsWith(' ')) &&
          !(name !== 'byte-level' && /\u2581|<s>|<think>/.test(value)),
      );
      const expected = name === 'byte-level' ? value.normalize('NFC') : value;
      const ids = tokenizer.encode(value);
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(expected);
      const stream = tokenizer.stream({ skipSpecial: false });
      const pieces = [...ids].map((id) => stream.push(id));
      for (const piece of pieces) expect(/[\ud800-\udbff](?![\udc00-\udfff])/.test(piece)).toBe(false);
      expect(pieces.join('') + stream.end()).toBe(expected);
    }),
    { numRuns: 150 },
  );
});

test.each(names)("%s: offsets cover the text in order and tell each token's characters", (name) => {
  const tokenizer = goldenTokenizer(name);
  fc.assert(
    fc.property(text, (value) => {
      fc.pre(!(name !== 'byte-level' && value.includes('\u2581')));
      const { ids, begin, end } = tokenizer.encodeWithSpans(value);
      expect(begin).toBeDefined();
      for (let i = 0; i < ids.length; i++) {
        const [from, to] = [begin?.[i] as number, end?.[i] as number];
        expect(from >= (begin?.[i - 1] ?? 0) && to >= from && to <= value.length).toBe(true);
        const own = tokenizer.decode([ids[i] as number], { skipSpecial: false, continues: true });
        if (!own.includes('\ufffd') && to > from)
          expect(own.endsWith(value.slice(from, to).normalize(name === 'byte-level' ? 'NFC' : undefined))).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

test('a stream never hands out half a character, and shows what stays unfinished at the end', () => {
  const tokenizer = goldenTokenizer('byte-level');
  const ids = tokenizer.encode('a😀b');
  expect(ids.length).toBe(6);
  const stream = tokenizer.stream();
  expect([...ids].map((id) => stream.push(id))).toEqual(['a', '', '', '', '😀', 'b']);
  expect(stream.end()).toBe('');
  const cut = tokenizer.stream();
  expect([...ids.subarray(0, 3)].map((id) => cut.push(id)).join('')).toBe('a');
  expect(cut.end()).toBe('\ufffd');
});

test('special tokens are left out unless asked for; a continuation keeps its first space', () => {
  const tokenizer = goldenTokenizer('pieces');
  const ids = [tokenizer.bosId as number, ...tokenizer.encode('the answer'), tokenizer.eosId as number];
  expect(tokenizer.decode(ids)).toBe('the answer');
  expect(tokenizer.decode(ids, { skipSpecial: false })).toMatch(/^<s> ?the answer<\/s>$/);
  expect(tokenizer.decode(tokenizer.encode('the answer'), { continues: true })).toBe(' the answer');
});

test('decoders that are known only by decoding stream by a window', () => {
  const words = ['Hello', ' wor', 'ld', '\ufffd', '!'];
  const stream = new WindowStreamDecoder((ids) =>
    ids
      .map((id) => words[id])
      .join('')
      .replace('\ufffd!', '¡'),
  );
  expect([0, 1, 2, 3, 4].map((id) => stream.push(id))).toEqual(['Hello', ' wor', 'ld', '', '¡']);
  expect(stream.end()).toBe('');
});

test('ids that belong to no text give no offsets rather than wrong ones', () => {
  const surface = { bytes: (id: number) => [Buffer.from('a'), Buffer.from('b')][id], dropsFirstSpace: false };
  expect(alignTokens('ab', [0, 1], surface)?.end).toEqual(Int32Array.of(1, 2));
  expect(alignTokens('ab', [0, 0], surface)).toBeUndefined();
  expect(alignTokens('ab', [0], surface)).toBeUndefined();
  expect(alignTokens('ab', [0, 1, 0], surface)).toBeUndefined();
});

const make = (json: unknown, config: unknown = {}, generation: unknown = {}) =>
  new TextTokenizer({
    file: 'm/tokenizer.json',
    tokenizerJson: JSON.stringify(json),
    configJson: JSON.stringify(config),
    generationJson: JSON.stringify(generation),
  });

test('add_bos_token and add_eos_token of the configuration win over the post-processor', () => {
  const json = golden.tokenizers['byte-level'];
  const tokens = { bos_token: '<s>', eos_token: { content: '</s>' } };
  const around = (config: unknown) => {
    const tokenizer = make(json, config);
    return [...tokenizer.encode('a', { special: true })].map((id) => tokenizer.token(id));
  };
  expect(around(tokens)).toEqual(['<s>', 'a']);
  expect(around({ ...tokens, add_bos_token: true, add_eos_token: true })).toEqual(['<s>', 'a', '</s>']);
  expect(around({ ...tokens, add_bos_token: false })).toEqual(['a']);
});

test('stop ids join the end token and those of generation_config.json', () => {
  const tokenizer = make(
    golden.tokenizers['byte-level'],
    { eos_token: '</s>' },
    { eos_token_id: [goldenTokenizer('byte-level').eosId, 5] },
  );
  expect(tokenizer.stopIds).toEqual([tokenizer.eosId, 5]);
  expect([tokenizer.bosId, tokenizer.padId]).toEqual([undefined, undefined]);
});

test('a model with too small a vocabulary is refused, one with padded rows is fine', () => {
  const tokenizer = goldenTokenizer('byte-level');
  expect(() => tokenizer.checkVocabulary(tokenizer.size)).not.toThrow();
  expect(() => tokenizer.checkVocabulary(100000)).not.toThrow();
  expect(() => tokenizer.checkVocabulary(100)).toThrow(
    /golden\/byte-level\/tokenizer\.json: expected token ids below 100.*another model/,
  );
});

test.each<[string, string, RegExp]>([
  ['no JSON', '{', /expected JSON/],
  ['a list', '[]', /expected a JSON object, came a list of 0/],
  ['an object of another kind', '{"a": 1}', /does not load/],
  [
    'an unknown model',
    JSON.stringify({ ...(golden.tokenizers.pieces as object), model: { type: 'Magic', vocab: {}, merges: [] } }),
    /BPE, Unigram or WordPiece, came "Magic"/,
  ],
])('a tokenizer file that is %s is refused by name', async (_, content, message) => {
  folder.write('tokenizer.json', content);
  const error = await rejection(TextTokenizer.load(folder.path));
  expect(error.code).toBe('ERR_DATA');
  expect(error.details.file).toBe(path.join(folder.path, 'tokenizer.json'));
  expect(error.message).toMatch(message);
});

test('a folder without a tokenizer is refused', async () => {
  expect((await rejection(TextTokenizer.load(path.join(folder.path, 'nowhere')))).message).toMatch(
    /expected tokenizer\.json in the model's folder/,
  );
});

const stories = path.join(__dirname, '../../../../shared/models/stories260K');
(existsSync(stories) ? test : test.skip)(
  'stories260K: special tokens, ids and text (skipped where ../shared/models is missing)',
  async () => {
    const tokenizer = await TextTokenizer.load(stories);
    expect([tokenizer.bosId, tokenizer.eosId, tokenizer.size]).toEqual([1, 2, 512]);
    const ids = tokenizer.encode('Once upon a time', { special: true });
    expect([...ids]).toEqual([1, 403, 407, 261, 378]);
    expect(tokenizer.decode(ids)).toBe('Once upon a time');
    expect(() => tokenizer.checkVocabulary(512)).not.toThrow();
    expect(() => tokenizer.checkVocabulary(511)).toThrow(/below 511/);
  },
);
