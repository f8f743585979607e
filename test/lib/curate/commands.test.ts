// `whetstone data check` and `data clean` as somebody types them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCommand } from '../../../lib/cli/data/check.js';
import { cleanCommand } from '../../../lib/cli/data/clean.js';
import { Output } from '../../../lib/cli/output.js';

const folder = mkdtempSync(join(tmpdir(), 'curate-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'rows.jsonl');
writeFileSync(file, [
  { prompt: 'Where is the library?', completion: 'It is in Main Street, write to info@library.org for more.' },
  { prompt: 'Where is the library?', completion: 'It is in Main Street, write to info@library.org for more.' },
  { prompt: 'Tell me how.', completion: "I'm sorry, but I can't help with that." },
].map((row) => `${JSON.stringify(row)}\n`).join(''));

function output(json = true): { output: Output; text: () => string } {
  let text = '';
  const stream = { write: (part: string) => void (text += part) };
  return { output: new Output({ stdout: stream, stderr: { write: () => undefined }, stdin: process.stdin, env: {} }, { json }), text: () => text };
}

test('check says what would go and what the rest is like', async () => {
  const { output: to, text } = output();
  expect(await checkCommand(to, { format: 'auto' }, [file])).toBe(0);
  expect(JSON.parse(text())).toMatchObject({
    rows: 3, kept: 1, removed: 2, reasons: { 'chat: refusal': 1, 'exact-duplicates: same text': 1 },
    measures: { pii: { email: 2 }, diversity: { rows: 2 } },
  });
  const words = output(false);
  await checkCommand(words.output, { format: 'auto' }, [file]);
  expect(words.text()).toMatch(/fit {8}1, 2 would go/);
});

test('clean with a config file and options, and undo', async () => {
  const config = join(folder, 'pipeline.yaml');
  writeFileSync(config, 'chat: [refusal]\npii: {style: realistic}\n');
  const out = join(folder, 'out');
  const cleaned = output();
  expect(await cleanCommand(cleaned.output, { format: 'auto', config, near: 'none', output: out }, [file])).toBe(0);
  expect(JSON.parse(cleaned.text())).toMatchObject({ kept: 1, removed: 2, changed: 1, config: { near: false, chat: ['refusal'] } });
  expect(readFileSync(join(out, 'clean.jsonl'), 'utf8')).toContain('person1@example.com');
  const undone = output();
  expect(await cleanCommand(undone.output, { format: 'auto', undo: out, to: join(folder, 'back') })).toBe(0);
  expect(readFileSync(join(folder, 'back', 'rows.jsonl')).equals(readFileSync(file))).toBe(true);
});

test('what is missing is said', async () => {
  await expect(cleanCommand(output().output, { format: 'auto' }, [file])).rejects.toThrow('--output FOLDER');
  await expect(checkCommand(output().output, { format: 'auto', quality: 'gophr' }, [file])).rejects.toThrow('quality');
});
