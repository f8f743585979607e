// `whetstone data inspect` and `data mask`: what people and programs are told, with and without colour.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { EXIT } from '../../../lib/cli/exit.js';
import { main } from '../../../lib/cli/program.js';
import { temporaryFolder } from '../../support/folder.js';

const folder = temporaryFolder();
const pebble = join(__dirname, '../../../models/pebble');

async function run(env: NodeJS.ProcessEnv, ...args: string[]) {
  const text = { out: '', err: '' };
  const code = await main(['data', ...args], {
    stdout: { write: (part: string) => { text.out += part; } }, stderr: { write: (part: string) => { text.err += part; } },
    stdin: new PassThrough() as NodeJS.ReadableStream & { isTTY?: boolean }, env,
  });
  return { code, ...text };
}

const chat = folder.write('chat.jsonl', [
  JSON.stringify({ messages: [{ role: 'user', content: 'Say hi' }, { role: 'assistant', content: 'hi there, you', train_detail: [{ begin_offset: 0, end_offset: 1, train: false }] }] }),
  'broken',
  JSON.stringify({ messages: [{ role: 'user', content: 'More' }, { role: 'assistant', content: 'yes', weight: 0.5 }] }),
].join('\n'));

test('inspect tells format, confidence, rows, bad rows by line, and shows some', async () => {
  const bad = `${folder.path}/bad.jsonl`;
  const { code, out } = await run({}, 'inspect', chat, '--rows', '1', '--bad', bad);
  expect(code).toBe(EXIT.ok);
  expect(out).toMatch(/^format {6}messages, confidence 99\.0 %: all 2 rows looked at have "messages"$/m);
  expect(out).toMatch(/^rows {8}2$/m);
  expect(out).toMatch(/chat\.jsonl, row 2: expected one JSON object, came broken/);
  expect(out).toMatch(/^ {2}assistant {3}hi there, you$/m);
  expect(JSON.parse(readFileSync(bad, 'utf8'))).toMatchObject({ row: 2, text: 'broken' });
  const json = JSON.parse((await run({}, 'inspect', chat, '--json')).out) as Record<string, unknown>;
  expect(json).toMatchObject({ format: 'messages', confidence: 0.99, rows: 2, records: 2, bad: { count: 1, first: [{ file: chat, row: 2 }] } });
});

test('inspect reads by a mapping, and says what it cannot read', async () => {
  const odd = folder.write('odd.csv', 'frage,antwort\nq,a\n');
  const { out } = await run({}, 'inspect', odd, '--fields', 'prompt=frage,completion=antwort', '--json');
  expect(JSON.parse(out)).toMatchObject({ format: 'completion', mapping: { fields: { prompt: 'frage', completion: 'antwort' } } });
  const failed = await run({}, 'inspect', odd);
  expect([failed.code, failed.err]).toEqual([EXIT.data, expect.stringMatching(/came the fields "frage", "antwort"/)]);
  expect((await run({}, 'inspect', odd, '--fields', 'frage=prompt')).code).toBe(EXIT.usage);
});

test('mask marks what is learned without colour, and with it', async () => {
  const plain = await run({ NO_COLOR: '1' }, 'mask', chat, '--model', pebble, '--row', '1');
  expect(plain.out).toMatch(/^row 1: 4 of 19 tokens are learned$/m);
  expect(plain.out).toContain('assistant\nhi⟦ there, you<|im_end|>⟧\n');
  expect(plain.out).not.toContain('\u001b');
  const last = await run({ NO_COLOR: '1' }, 'mask', folder.write('w.jsonl', JSON.stringify({ messages: [{ role: 'user', content: 'q' }, { role: 'assistant', content: 'yes', weight: 0.5 }] })), '--model', pebble);
  expect(last.out).toContain('⟦×0.5 yes<|im_end|>⟧');
  const coloured = await run({ FORCE_COLOR: '1' }, 'mask', chat, '--model', pebble, '--row', '1');
  expect(coloured.out).toContain('\u001b[32m there, you<|im_end|>');
  const json = JSON.parse((await run({}, 'mask', chat, '--model', pebble, '--row', '1', '--json')).out) as { rows: { learned: number; tokens: { text: string; weight: number }[] }[] };
  expect(json.rows[0]?.tokens.filter(({ weight }) => weight > 0).map(({ text }) => text)).toEqual([' there', ',', ' you', '<|im_end|>']);
  const table = await run({ NO_COLOR: '1' }, 'mask', chat, '--model', pebble, '--row', '1', '--tokens');
  expect(table.out).toMatch(/^ +14 +\d+ +×1 {2}" there"$/m);
});

test('mask names rows that cannot be read, and stops at one that cannot be learned', async () => {
  const { code, out } = await run({ NO_COLOR: '1' }, 'mask', chat, '--model', pebble, '--rows', '3');
  expect([code, out]).toEqual([EXIT.ok, expect.stringMatching(/bad row: .*row 2: expected one JSON object[\s\S]*row 3: 3 of/)]);
  expect((await run({}, 'mask', chat, '--model', pebble, '--row', '2')).code).toBe(EXIT.data);
  const silent = folder.write('silent.jsonl', JSON.stringify({ messages: [{ role: 'user', content: 'q' }] }));
  const refused = await run({}, 'mask', silent, '--model', pebble);
  expect([refused.code, refused.err]).toEqual([EXIT.data, expect.stringMatching(/silent\.jsonl, row 1.*Nothing of this row would be learned/)]);
});
