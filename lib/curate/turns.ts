// The turns of a record, whatever its format: who said what, and which question each answer answers.
import type { ChatMessage, DataRecord } from '../record.js';

export interface Turn {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  /** Calls tools, so it may be empty. */
  readonly calls: boolean;
}

export interface Exchange {
  readonly question: string;
  readonly answer: Turn;
}

const fromMessage = ({ role, content, extra }: ChatMessage): Turn =>
  ({ role, text: content ?? '', calls: extra?.['tool_calls'] !== undefined });

/** Turns of a record; of two answers the preferred one; a plain text has none. */
export function turnsOf(record: DataRecord): readonly Turn[] {
  const user = (text: string): Turn => ({ role: 'user', text, calls: false });
  const assistant = (text: string): Turn => ({ role: 'assistant', text, calls: false });
  switch (record.kind) {
    case 'completion': return [user(record.prompt), assistant(record.completion)];
    case 'alpaca': return [user([record.instruction, record.input].filter((part) => part !== '').join('\n')), assistant(record.output)];
    case 'messages': return record.messages.map(fromMessage);
    case 'preference': return [...record.prompt, ...record.chosen].map(fromMessage);
    case 'labelled': return [...record.prompt, ...record.completion].map(fromMessage);
    case 'text': return [];
  }
}

/** Each answer with the last thing a user said before it. */
export function exchangesOf(turns: readonly Turn[]): readonly Exchange[] {
  let question = '';
  const out: Exchange[] = [];
  for (const turn of turns) {
    if (turn.role === 'user') question = turn.text;
    else if (turn.role === 'assistant') out.push({ question, answer: turn });
  }
  return out;
}
