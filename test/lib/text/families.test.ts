// Rows through the whole way against transformers: the same text, ids and assistant mask for every family of chat template
// (test/golden/families.py), with its {% generation %} marks and without them, where the turns are found by following.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openRecords } from '../../../lib/data/records.js';
import { openSource } from '../../../lib/data/source.js';
import type { DataRecord } from '../../../lib/record.js';
import { ChatTemplate, specialTexts, templateMessage } from '../../../lib/text/chat-template.js';
import { maskConversation } from '../../../lib/text/mask.js';
import { tokenWeights } from '../../../lib/text/token-weights.js';
import { TextTokenizer } from '../../../lib/text/tokenizer.js';
import { temporaryFolder } from '../../support/folder.js';

interface Case {
  readonly template: string;
  readonly chat: string;
  /** JSON as Python wrote it. */
  readonly messages: string;
  readonly tools: boolean;
  readonly text?: string;
  readonly prompt?: string;
  readonly ids?: readonly number[];
  readonly mask?: readonly (readonly [number, number])[];
  readonly refused?: string;
  readonly source?: string;
}

interface Golden {
  readonly tokenizer: unknown;
  readonly tools: string;
  readonly cases: readonly Case[];
}

const folder = temporaryFolder();
const read = (file: string): Golden => JSON.parse(gunzipSync(readFileSync(file)).toString()) as Golden;
const golden = read(path.join(__dirname, '../../golden/families.json.gz'));
const tokenizer = new TextTokenizer({
  file: '/golden/families/tokenizer.json', tokenizerJson: JSON.stringify(golden.tokenizer),
  configJson: JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }), generationJson: '{}',
});
const ENDS = ['</s>', '<|im_end|>', '<|eot_id|>', '<|end|>', '<end_of_turn>', '<|return|>', '<|call|>', '<|end_of_text|>', '<|END_OF_TURN_TOKEN|>',
  '<SPECIAL_12>', '<|observation|>', '<|endoftext|>', '<turn|>'];
const ends = { stops: ENDS, added: tokenizer.addedTokens };

async function recordOf({ messages, tools }: Case): Promise<Extract<DataRecord, { kind: 'messages' }>> {
  const file = folder.write('row.jsonl', `{"messages": ${messages}${tools ? `, "tools": ${golden.tools}` : ''}}`);
  for await (const record of await openRecords(await openSource(file))) return record as Extract<DataRecord, { kind: 'messages' }>;
  throw new Error('no record');
}

function templateOf(source: string, name: string): ChatTemplate {
  return new ChatTemplate({ text: source, file: `${name}.jinja` }, specialTexts(tokenizer));
}

const unmarked = (source: string): string => source.replaceAll(/\{%(-?)\s*(end)?generation\s*(-?)%\}/g, (_, before: string, __, after: string) => `{%${before} if true ${after}%}{% endif %}`);

/** Calls that stand where the prompt for generation would not put them (system text moves to the last question): only marks tell. */
const ONLY_MARKED = new Set(['mistral-tools: tool call']);

async function check(one: Case, source: string): Promise<void> {
  const record = await recordOf(one);
  const options = record.tools === undefined ? {} : { tools: record.tools };
  const messages = record.messages.map((message) => templateMessage(message));
  const template = templateOf(source, one.template);
  const plain = templateOf(unmarked(source), one.template);
  if (one.refused !== undefined) {
    expect(() => [template.render(messages, options), template.render(messages.slice(0, -1), { ...options, addGenerationPrompt: true })]).toThrow();
    return;
  }
  for (const each of [template, plain]) {
    expect(each.render(messages, options)).toBe(one.text);
    expect(each.render(messages.slice(0, -1), { ...options, addGenerationPrompt: true })).toBe(one.prompt);
  }
  expect([...tokenizer.encode(one.text as string)]).toEqual(one.ids);
  if (one.mask === undefined) return;
  const place = { file: 'rows.jsonl', row: 1 };
  const wanted = new Float32Array(one.ids!.length);
  for (const [begin, end] of one.mask) wanted.fill(1, begin, end);
  const chat = { messages: record.messages, ...options, place };
  // Where the prompt for generation is no beginning of the text, the row is refused, and there is no mask to compare.
  if (!one.text!.startsWith(one.prompt!)) {
    expect(() => maskConversation(template, chat, ends)).toThrow(/render the same for training and for generation/);
    return;
  }
  const known = ONLY_MARKED.has(`${one.template}: ${one.chat}`);
  if (known) expect(() => maskConversation(plain, chat, ends)).toThrow(/cannot be found in the rendered text. Mark it/);
  for (const each of known || one.source !== undefined ? [template] : [template, plain]) {
    const { weights } = tokenWeights(tokenizer, maskConversation(each, chat, ends), false, place);
    expect(tokensOf(one.ids!, weights)).toEqual(tokensOf(one.ids!, each === template ? wanted : withoutTail(one.ids!, wanted)));
  }
}

/** Some marks hold the line end behind the end token; nobody has to generate it, so following leaves it out. */
function withoutTail(ids: readonly number[], mask: Float32Array): Float32Array {
  const kept = mask.slice();
  for (let at = 0; at < ids.length; at++) {
    if (kept[at] !== 1 || kept[at + 1] === 1) continue;
    for (let back = at; back > 0 && kept[back - 1] === 1 && tokenizer.decode([ids[back]!], { skipSpecial: false, continues: true }).trim() === ''; back--) kept[back] = 0;
  }
  return kept;
}

/** Learned tokens in brackets: readable where a mask differs. */
const tokensOf = (ids: readonly number[], weights: Float32Array): string[] => ids.map((id, at) => (weights[at] === 1 ? `[${tokenizer.token(id)}]` : tokenizer.token(id) ?? ''));

const families = [...new Set(golden.cases.map(({ template }) => template))];

test('the fixture holds the mainstream families, and most of their chats are rendered', () => {
  expect(families.length).toBeGreaterThanOrEqual(16);
  expect(golden.cases.filter(({ mask }) => mask !== undefined).length).toBeGreaterThan(130);
});

describe.each(families)('%s', (name) => {
  const source = readFileSync(path.join(__dirname, 'families', `${name}.jinja`), 'utf8');
  test.each(golden.cases.filter(({ template }) => template === name))('$chat', (one) => check(one, source));
});

/**
 * The same for templates that are not ours to give away: `families.py --templates DIR --output ../shared/templates.json.gz`.
 * Left out: {% break %} (refused by name), templates that walk over characters of a text, and two that Python's engine
 * refuses or writes otherwise (text + object; a null that is printed).
 */
const OTHERWISE = /^(cohere2(_training)?|idefics3(_training)?): |^deepseekv3: (tool call|exact numbers)|^gemma4: tool call/;
const foreign = path.join(__dirname, '../../../../shared/templates.json.gz');
(existsSync(foreign) ? describe : describe.skip)('templates of others (needs ../shared/templates.json.gz)', () => {
  const cases = existsSync(foreign) ? read(foreign).cases : [];
  test.each(cases.filter(({ source, template, chat }) => source !== undefined && !OTHERWISE.test(`${template}: ${chat}`)))('$template: $chat', (one) => check(one, one.source as string));
});
