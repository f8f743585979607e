// The text of a record, for everything that compares rows: all it says, in order, without the names of the format. Two
// rows that say the same in different formats have the same text.
import { exactJson } from '../data/exact.js';
import type { ChatMessage, DataRecord } from '../record.js';

/** All that the record says, one part a line. */
export function recordText(record: DataRecord): string {
  return [...promptParts(record), ...answerParts(record)].filter((part) => part !== '').join('\n');
}

/** What the model is given before it must answer for the first time; '' where there is no such part. */
export function promptText(record: DataRecord): string {
  return promptParts(record).filter((part) => part !== '').join('\n');
}

/** What comes after the prompt. */
export function answerText(record: DataRecord): string {
  return answerParts(record).filter((part) => part !== '').join('\n');
}

function firstAnswer(messages: readonly ChatMessage[]): number {
  const at = messages.findIndex(({ role }) => role === 'assistant');
  return at === -1 ? messages.length : at;
}

function promptParts(record: DataRecord): readonly string[] {
  switch (record.kind) {
    case 'text': return [];
    case 'completion': return [record.prompt];
    case 'alpaca': return [record.instruction, record.input];
    case 'messages': return record.messages.slice(0, firstAnswer(record.messages)).map(messageText);
    case 'preference':
    case 'labelled': return record.prompt.map(messageText);
  }
}

function answerParts(record: DataRecord): readonly string[] {
  switch (record.kind) {
    case 'text': return [record.text];
    case 'completion': return [record.completion];
    case 'alpaca': return [record.output];
    case 'messages': return record.messages.slice(firstAnswer(record.messages)).map(messageText);
    case 'preference': return [...record.chosen, ...record.rejected].map(messageText);
    case 'labelled': return record.completion.map(messageText);
  }
}

function messageText({ content, extra }: ChatMessage): string {
  const said = content ?? '';
  const calls = extra?.['tool_calls'];
  return calls === undefined ? said : `${said}${said === '' ? '' : '\n'}${exactJson(calls)}`;
}
