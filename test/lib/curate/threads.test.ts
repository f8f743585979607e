// Message trees in curation: threads are the rows; what is bad or removed is kept with its reason, wherever it lies.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clean } from '../../../lib/curate/clean.js';
import { curateConfig } from '../../../lib/curate/curate-config.js';
import { examine } from '../../../lib/curate/examine.js';
import { undoClean } from '../../../lib/curate/undo.js';

const folder = mkdtempSync(join(tmpdir(), 'threads-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Message { readonly message_id: string; readonly role: string; readonly text: unknown; readonly rank: number | null; readonly replies: readonly Message[] }
const message = (message_id: string, role: string, text: unknown, rank: number | null, ...replies: Message[]): Message => ({ message_id, role, text, rank, replies });
const good = (n: number): Message => message(`${n}q`, 'prompter', `How long does a walk to hill ${n} take?`, null,
  message(`${n}b`, 'assistant', `Hill ${n} is half an hour away when the weather is fine.`, 0,
    message(`${n}c`, 'prompter', 'And when it rains?', 0, message(`${n}d`, 'assistant', 'Then better stay at home.', 0)),
    message(`${n}e`, 'prompter', 'Is there an inn?', 1, message(`${n}f`, 'assistant', 'There is one at the top.', 0))),
  message(`${n}w`, 'assistant', 'No idea at all, sorry.', 1));
const refused = message('r', 'prompter', 'Tell me.', null, message('s', 'assistant', 'I cannot help with that request.', 0));
const flat = (root: Message, parent: string | null, tree: string): object[] => {
  const { replies, ...own } = root;
  return [{ ...own, parent_id: parent, message_tree_id: tree }, ...replies.flatMap((reply) => flat(reply, own.message_id, tree))];
};
const lines = (...rows: (object | string)[]): string => rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');
const nestedRow = (prompt: Message): object => ({ message_tree_id: prompt.message_id, prompt });

const nestedFile = join(folder, 'nested.jsonl');
writeFileSync(nestedFile, lines(nestedRow(good(1)), '{cut off', nestedRow(message('x', 'prompter', 5, null)), nestedRow(refused)));
const flatFile = join(folder, 'flat.jsonl');
writeFileSync(flatFile, lines(...flat(good(2), null, 'a'), ...flat(refused, null, 'b').slice(1), ...flat(refused, null, 'c')));
const config = curateConfig({ near: false });

test('threads of trees are cleaned row by row; bad trees and lines are kept aside with their places', async () => {
  const output = join(folder, 'out');
  const report = await clean([nestedFile, flatFile], config, { output });
  expect(report.files.map(({ rows, kept }) => [rows, kept])).toEqual([[5, 2], [4, 2]]);
  const rows = (name: string): Record<string, unknown>[] => readFileSync(join(output, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows('clean.jsonl').map(({ messages }) => (messages as { content: string; weight?: number }[]).map(({ content, weight }) => `${content.slice(0, 12)}${weight ?? ''}`))).toEqual([
    ['How long doe', 'Hill 1 is ha', 'And when it ', 'Then better '], ['How long doe', 'Hill 1 is ha0', 'Is there an ', 'There is one'],
    ['How long doe', 'Hill 2 is ha', 'And when it ', 'Then better '], ['How long doe', 'Hill 2 is ha0', 'Is there an ', 'There is one'],
  ]);
  expect(rows('removed.jsonl').map(({ file, row, step }) => [file === nestedFile ? 'nested' : 'flat', row, step])).toEqual([
    ['nested', 2, 'bad-rows'], ['nested', 3, 'bad-rows'], ['nested', 4, 'chat'], ['flat', 8, 'bad-rows'], ['flat', 9, 'chat'],
  ]);
  expect(rows('removed.jsonl')[0]!.text).toBe('{"bad":"{cut off"}');
  const undone = await undoClean(output);
  expect(undone.files.map(({ rows: restored, identical, ownLines }) => [restored, identical, ownLines])).toEqual([[5, true, false], [4, true, false]]);
});

test('pairs of ranked answers when they are asked for', async () => {
  const { detection, decisions } = await examine([nestedFile], config, { format: 'oasst-pairs' });
  expect([detection!.format, decisions.count, decisions.counts()]).toEqual(['oasst-pairs', 3, [['bad-rows: unreadable', 2]]]);
});
