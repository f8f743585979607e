// Streaming text over a session that says what it is told: stop tokens, stop strings across tokens, limits, batches,
// characters cut between tokens.
import { generateText, streamText } from '../../../lib/eval/generate.js';
import type { GenerateOptions, TextDecoding } from '../../../lib/eval/generate.js';
import type { Generation, GenerateSequence, Session } from '../../../lib/engine/types.js';
import type { ModelSpec } from '../../../lib/tensors.js';

const EOS = 0;
/** Tokens are UTF-8 bytes. */
const decoding: TextDecoding = {
  stream: () => {
    const decoder = new TextDecoder();
    return { push: (id) => decoder.decode(Uint8Array.of(id), { stream: true }), end: () => decoder.decode() };
  },
};

/** Answers the n-th sequence with the n-th text, byte by byte, then EOS for ever. */
function speaker(...texts: string[]) {
  const seen = { sequences: [] as GenerateSequence[][], finished: [] as number[], ended: 0 };
  const session = {
    spec: { rope: { maxPositions: 64 } } as ModelSpec,
    generate: async (sequences: readonly GenerateSequence[]): Promise<Generation> => {
      seen.sequences.push([...sequences]);
      const bytes = sequences.map(() => [...Buffer.from(texts.shift() ?? '')]);
      const gone = new Set<number>();
      const end = async (): Promise<void> => { seen.ended++; };
      return {
        next: async ({ finished = [] } = {}) => {
          for (const index of finished) gone.add(index);
          seen.finished.push(...finished);
          return {
            tokens: Int32Array.from(bytes, (queue, i) => (gone.has(i) ? -1 : queue.shift() ?? EOS)),
            logprobs: Float32Array.from(bytes, () => -0.5),
          };
        },
        end, [Symbol.asyncDispose]: end,
      };
    },
  } as unknown as Session;
  return { session, seen };
}

const prompt = (length = 3) => ({ tokens: new Int32Array(length) });
const OPTIONS: GenerateOptions = { maxNewTokens: 50, stopTokens: [EOS] };

async function pieces(session: Session, options: GenerateOptions = OPTIONS): Promise<string[]> {
  const out: string[] = [];
  for await (const piece of streamText(session, decoding, [prompt()], options)) out.push(piece.text);
  return out;
}

test('a text ends at the stop token, which is counted but not shown', async () => {
  const { session, seen } = speaker('Hi.');
  const [text] = await generateText(session, decoding, [prompt()], OPTIONS);
  expect(text).toEqual({ text: 'Hi.', tokens: [...Buffer.from('Hi.'), EOS], logprobs: [-0.5, -0.5, -0.5, -0.5], reason: 'stop-token' });
  expect(seen.ended).toBe(1);
});

test('the length ends it too, and the context', async () => {
  expect((await generateText(speaker('abcdef').session, decoding, [prompt()], { ...OPTIONS, maxNewTokens: 4 }))[0])
    .toMatchObject({ text: 'abcd', reason: 'length' });
  expect((await generateText(speaker('a'.repeat(99)).session, decoding, [prompt(60)], OPTIONS))[0]).toMatchObject({ text: 'aaaa', reason: 'length' });
  await expect(generateText(speaker().session, decoding, [prompt(64)], OPTIONS)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(generateText(speaker().session, decoding, [prompt(0)], OPTIONS)).rejects.toThrow(/give some text/);
});

test('a character cut between tokens is shown whole', async () => {
  expect(await pieces(speaker('aé🙂').session)).toEqual(['a', '', 'é', '', '', '', '🙂', '']);
  expect((await generateText(speaker('🙂').session, decoding, [prompt()], { ...OPTIONS, maxNewTokens: 2 }))[0]!.text).toBe('\ufffd');
});

test('nothing of a stop string is ever shown, and what only began like one is', async () => {
  const stops = { ...OPTIONS, stopStrings: ['END', '\n\n'] };
  expect(await pieces(speaker('aENbEND more').session, stops)).toEqual(['a', '', '', 'ENb', '', '', '']);
  expect((await generateText(speaker('aENbEND more').session, decoding, [prompt()], stops))[0]).toMatchObject({ text: 'aENb', reason: 'stop-string' });
  expect((await generateText(speaker('x\n').session, decoding, [prompt()], stops))[0]).toMatchObject({ text: 'x\n', reason: 'stop-token' });
});

test('sequences end on their own, and the finished are dropped', async () => {
  const { session, seen } = speaker('a', 'bcd');
  const texts = await generateText(session, decoding, [prompt(), { ...prompt(), slot: 2 }], { ...OPTIONS, temperature: 0.7, seed: 5n });
  expect(texts.map(({ text }) => text)).toEqual(['a', 'bcd']);
  expect(seen.finished).toEqual([0]);
  expect(seen.sequences[0]!.map(({ slot, seed, temperature }) => [slot, seed, temperature])).toEqual([[-1, 5n, 0.7], [2, 6n, 0.7]]);
});

test('many prompts go a few at a time, with the same seeds', async () => {
  const { session, seen } = speaker('a', 'b', 'c');
  const texts = await generateText(session, decoding, [prompt(), prompt(), prompt()], { ...OPTIONS, atOnce: 2 });
  expect(texts.map(({ text }) => text)).toEqual(['a', 'b', 'c']);
  expect(seen.sequences.map((part) => part.map(({ seed }) => seed))).toEqual([[0n, 1n], [2n]]);
});

test('leaving the loop early ends the generation', async () => {
  const { session, seen } = speaker('abc');
  for await (const piece of streamText(session, decoding, [prompt()], OPTIONS)) if (piece.text === 'b') break;
  expect(seen.ended).toBe(1);
});
