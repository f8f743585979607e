// A prompt as messages: joined to a text, or put through the model's chat template, as lm-evaluation-harness does both.

import { dataError } from '../../errors.js';
import { TemplateRefusal } from '../../text/chat-template.js';
import type { ChatTemplate } from '../../text/chat-template.js';
import { stripEnd } from './python.js';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
  /** What follows it in a plain text. */
  readonly delimiter: string;
}

export interface TaskChat {
  readonly template: ChatTemplate;
  /** Examples as turns of their own; else all of them and the question in one. @default true */
  readonly multiturn?: boolean;
}

export function plainText(messages: readonly Message[]): string {
  return messages.map(({ content, delimiter }) => content + delimiter).join('');
}

/** `continues`: the last message is the beginning of the model's answer. */
export function chatText(messages: readonly Message[], { template, multiturn = true }: TaskChat, continues: boolean): string {
  const turns = multiturn ? messages : oneTurn(messages);
  try {
    return render(template, turns, continues);
  } catch (error) {
    if (!(error instanceof TemplateRefusal)) throw error;
    return render(template, turns.filter(({ role }) => role !== 'system'), continues); // templates that know no system
  }
}

/** System and the beginning of an answer stay what they are; everything between is one message of the user. */
function oneTurn(messages: readonly Message[]): readonly Message[] {
  const system = messages.filter(({ role }, i) => i === 0 && role === 'system');
  const answer = messages.slice(-1).filter(({ role }) => role === 'assistant');
  const between = messages.slice(system.length, messages.length - answer.length);
  const content = plainText(between.map((message, i) => (i === between.length - 1 ? { ...message, delimiter: '' } : message)));
  return [...system, { role: 'user', content, delimiter: '' }, ...answer];
}

/** Stands at the end of an answer that goes on, so that the place is found again in what the template makes of it. */
const END = 'THE_ANSWER_GOES_ON_HERE ';

function render(template: ChatTemplate, messages: readonly Message[], continues: boolean): string {
  const last = messages.length - 1;
  const text = template.render(messages.map(({ role, content }, i) => ({ role, content: continues && i === last ? content + END : content })), { addGenerationPrompt: !continues });
  if (!continues) return text;
  const at = text.lastIndexOf(END.trim());
  if (at < 0) throw dataError({ file: template.source.file }, 'the template leaves out the beginning of an answer (gen_prefix). Use a template that keeps it, or no chat template');
  return text.startsWith(END, at) ? text.slice(0, at) : stripEnd(text.slice(0, at)); // some templates trim
}
