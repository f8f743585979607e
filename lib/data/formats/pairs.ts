// Preferences: pairs of answers, answers with a verdict, answers with scores, as the common sets write them.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, DataRecord } from '../../record.js';
import { readMessages, readTools, withSystem } from './chat.js';
import type { FieldName, RowFields } from './fields.js';

/** `prompt` may be missing where both answers are whole conversations: then it is what they begin with alike. */
export function preference(fields: RowFields): DataRecord {
  const [chosen, rejected] = [side(fields, 'chosen'), side(fields, 'rejected')];
  const prompt = fields.has('prompt') ? side(fields, 'prompt', 'user') : [];
  return pair(fields, prompt, chosen, rejected, 'chosen');
}

/** Answers that repeat the prompt lose it; without a prompt it is found as what both have in common. */
function pair(
  fields: RowFields,
  given: readonly ChatMessage[],
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
  field: FieldName,
): DataRecord {
  let shared = 0;
  const most = Math.min(chosen.length, rejected.length) - 1;
  while (shared < most && same(chosen[shared], rejected[shared])) shared++;
  const repeated = given.length > 0 && given.every((message, i) => same(message, chosen[i]) && same(message, rejected[i]));
  const prompt = given.length === 0 || repeated ? chosen.slice(0, Math.max(shared, repeated ? given.length : 0)) : given;
  const from = given.length === 0 || repeated ? prompt.length : 0;
  if (prompt.length === 0) throw fields.error(field, 'expected a prompt, came two answers that begin differently. Add the field "prompt"');
  const tools = readTools(fields);
  return {
    ...fields.origin(), kind: 'preference',
    prompt: withSystem(fields, [...prompt]), chosen: chosen.slice(from), rejected: rejected.slice(from),
    ...(tools === undefined ? {} : { tools }),
  };
}

const same = (a: ChatMessage | undefined, b: ChatMessage | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Text, which is one message, or a list of messages. */
function side(fields: RowFields, field: FieldName, role: 'user' | 'assistant' = 'assistant'): ChatMessage[] {
  const value = fields.get(field);
  if (typeof value !== 'string') return readMessages(fields, value, fields.name(field), fields.exact(field));
  return [{ role, content: fields.text(field) }];
}

/** Whether an answer is wanted, as tables write it too; undefined where that is not said. */
export function verdictOf(label: unknown): boolean | undefined {
  switch (typeof label === 'string' ? label.trim().toLowerCase() : label) {
    case true: case 'true': case 1: case '1': return true;
    case false: case 'false': case 0: case '0': return false;
    default: return undefined;
  }
}

export function kto(fields: RowFields): DataRecord {
  const label = fields.get('label');
  const desirable = verdictOf(label);
  if (desirable === undefined) throw fields.error('label', `expected true or false (or 1 or 0), came ${describe(label)}`);
  const tools = readTools(fields);
  return {
    ...fields.origin(), kind: 'labelled', desirable,
    prompt: withSystem(fields, side(fields, 'prompt', 'user')), completion: side(fields, 'completion'),
    ...(tools === undefined ? {} : { tools }),
  };
}

export function openaiPreference(fields: RowFields): DataRecord {
  const { raw } = fields;
  const input = fields.get('input') as Readonly<Record<string, unknown>>;
  const { file, row } = raw;
  if (!Array.isArray(input.messages)) {
    throw dataError({ file, row, field: 'input.messages' }, `expected a list of messages, came ${describe(input.messages)}`);
  }
  const exact = (fields.exact('input') ?? input) as Readonly<Record<string, unknown>>;
  const tools = readTools(fields.within(exact));
  const { preferred_output: good, non_preferred_output: bad } = raw.value;
  return {
    ...fields.origin(), kind: 'preference',
    prompt: readMessages(fields, input.messages, 'input.messages', exact.messages),
    chosen: readMessages(fields, good, 'preferred_output'), rejected: readMessages(fields, bad, 'non_preferred_output'),
    ...(tools === undefined ? {} : { tools }),
  };
}

const SPEAKERS = /(?:^|\n\n)(Human|Assistant): ?/;

export function isTranscript(value: unknown): boolean {
  return typeof value === 'string' && /^\s*Human: ?/.test(value) && /\n\nAssistant:/.test(value);
}

/** Anthropic's transcripts "\n\nHuman: …\n\nAssistant: …"; both share all but the last answer. */
export function hhRlhf(fields: RowFields): DataRecord {
  return pair(fields, [], transcript(fields, 'chosen'), transcript(fields, 'rejected'), 'chosen');
}

function transcript(fields: RowFields, field: 'chosen' | 'rejected'): ChatMessage[] {
  const parts = fields.text(field).trim().split(SPEAKERS);
  const messages: ChatMessage[] = [];
  for (let i = 1; i + 1 < parts.length; i += 2) {
    messages.push({ role: parts[i] === 'Human' ? 'user' : 'assistant', content: (parts[i + 1] as string).trim() });
  }
  if (messages.at(-1)?.role !== 'assistant' || messages.at(-1)?.content === '') {
    throw fields.error(field, 'expected a transcript that ends with an answer of "Assistant:", came one that does not. Remove the row');
  }
  return messages;
}

interface Scored {
  readonly response: string;
  readonly score: number;
}

/** UltraFeedback: the answer with the best score against the one with the worst. */
export function ultrafeedback(fields: RowFields): DataRecord {
  const { file, row, value } = fields.raw;
  const scored = (value.completions as readonly unknown[]).map((item, i): Scored => {
    const answer = (typeof item === 'object' && item !== null ? item : {}) as Readonly<Record<string, unknown>>;
    const score = scoreOf(answer);
    if (typeof answer.response !== 'string' || score === undefined) {
      throw dataError({ file, row, field: `completions[${i}]` }, `expected "response" and "overall_score", came ${describe(item)}`);
    }
    return { response: fields.checkText(answer.response, `completions[${i}].response`), score };
  });
  scored.sort((a, b) => b.score - a.score);
  const [best, worst] = [scored[0], scored.at(-1)];
  if (best === undefined || worst === undefined || best.score === worst.score) {
    throw dataError({ file, row, field: 'completions' }, 'expected answers with different scores, came none that is better than another. Remove the row');
  }
  return {
    ...fields.origin(), kind: 'preference',
    prompt: withSystem(fields, [{ role: 'user', content: fields.text('instruction') }]),
    chosen: [{ role: 'assistant', content: best.response }], rejected: [{ role: 'assistant', content: worst.response }],
  };
}

/** The overall score, else the finer one, else the mean of the ratings. */
function scoreOf(answer: Readonly<Record<string, unknown>>): number | undefined {
  for (const name of ['overall_score', 'fine-grained_score', 'score']) {
    const score = Number(answer[name]);
    if (answer[name] !== undefined && answer[name] !== null && Number.isFinite(score)) return score;
  }
  const { annotations } = answer;
  if (typeof annotations !== 'object' || annotations === null) return undefined;
  const ratings = Object.values(annotations).map((one: unknown) => Number((one as { Rating?: unknown } | null)?.Rating));
  const known = ratings.filter(Number.isFinite);
  return known.length === 0 ? undefined : known.reduce((sum, rating) => sum + rating, 0) / known.length;
}
