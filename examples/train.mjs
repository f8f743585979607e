// Training from JavaScript: events while it runs, a snapshot in the middle, text with and without the adapter.
//   node examples/train.mjs

import { generateText, loadParts, openParts, train } from 'whetstone';

const run = train({
  model: 'models/pebble',
  data: { train: 'data/quickstart/train.jsonl', valid: 'data/quickstart/valid.jsonl' },
  train: { steps: 60, learningRate: 2e-3, batchTokens: 1024 },
  output: 'runs/example',
}, { overwrite: true });

for await (const event of run) {
  if (event.type === 'step' && event.step % 10 === 0) console.log(`update ${event.step}: loss ${event.loss.toFixed(3)}`);
  if (event.type === 'step' && event.step === 30) void run.snapshot('runs/example/halfway').then((folder) => console.log(`snapshot in ${folder}`));
  if (event.type === 'validation') console.log(`validation loss ${event.loss.toFixed(3)}`);
}
const { adapter } = await run.result;

const parts = await loadParts({ model: 'models/pebble', adapter });
const { session, slot } = await openParts(parts, { cacheTokens: 128, cacheSequences: 2 });
const tokens = parts.tokenizer.encode('Word: s t o n e\nSounds:', { special: true });
const [adapted, base] = await generateText(session, parts.tokenizer, [{ tokens, slot }, { tokens, slot: -1 }],
  { maxNewTokens: 16, stopTokens: parts.tokenizer.stopIds, stopStrings: ['\n'] });
console.log({ adapted: adapted.text, base: base.text });
await session.close();
