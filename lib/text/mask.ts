// Which characters of a conversation are learned, with which weight, and the proof that training and generation agree.
import { dataError } from '../errors.js';
import type { ChatMessage, Role } from '../record.js';
import type { ChatTemplate } from './chat-template.js';
import { Follower, type Conversation, type EndTexts, type Turn } from './follow.js';

/** What is learned: every assistant turn, only the last one, everything, or the turns of some roles. */
export type TrainOn = 'completions' | 'last' | 'all' | readonly Role[];

/** Characters [begin, end) of the text count with this weight. */
export interface LearnedSpan {
  readonly begin: number;
  readonly end: number;
  readonly weight: number;
}

export interface MaskedText {
  readonly text: string;
  readonly spans: readonly LearnedSpan[];
  /** Where the prompt of the last learned turn ends: generation starts there. Undefined when all is learned. */
  readonly promptEnd?: number;
}

/** Renders a conversation and finds the spans to learn; every problem is an ERR_DATA naming the row. */
export function maskConversation(
  template: ChatTemplate,
  chat: Conversation,
  ends: EndTexts,
  trainOn: TrainOn = 'completions',
): MaskedText {
  const follower = new Follower(template, chat, ends);
  const { text } = follower;
  if (trainOn === 'all') return { text, spans: everything(follower, chat) };
  const learned = learnedMessages(chat, trainOn);
  if (learned.length === 0) throw nothingLearned(chat, trainOn);
  const final = learned.at(-1) as number;
  const promptEnd =
    chat.messages[final]?.role === 'assistant' ? checkPrompt(follower, template, chat, final) : undefined;
  const turns =
    template.marksGeneration && onlyAssistant(chat, learned)
      ? markedTurns(follower, chat, learned)
      : follower.turns(learned);
  const spans = turns
    .map(({ message, begin, end }) => ({ begin, end, weight: weightOf(chat, message) }))
    .filter(({ begin, end }) => end > begin);
  if (spans.length === 0) throw nothingLearned(chat, trainOn);
  return { text, spans, ...(promptEnd === undefined ? {} : { promptEnd }) };
}

const weightOf = (chat: Conversation, message: number) => chat.messages[message]?.weight ?? 1;

function learnedMessages(chat: Conversation, trainOn: 'completions' | 'last' | readonly Role[]): number[] {
  const roles: readonly Role[] = typeof trainOn === 'string' ? ['assistant'] : trainOn;
  const all = [...chat.messages.keys()].filter((at) => roles.includes((chat.messages[at] as ChatMessage).role));
  return (trainOn === 'last' ? all.slice(-1) : all).filter((at) => weightOf(chat, at) > 0);
}

const onlyAssistant = (chat: Conversation, learned: readonly number[]) =>
  learned.every((at) => chat.messages[at]?.role === 'assistant');

/** The author's own marks, matched to the assistant messages by order. */
function markedTurns(follower: Follower, chat: Conversation, learned: readonly number[]): Turn[] {
  const blocks = follower.generationBlocks();
  const assistants = [...chat.messages.keys()].filter((at) => chat.messages[at]?.role === 'assistant');
  if (blocks.length === assistants.length) {
    return assistants
      .map((message, i) => ({ message, ...(blocks[i] as { begin: number; end: number }) }))
      .filter(({ message }) => learned.includes(message));
  }
  const uniform = new Set(assistants.map((message) => weightOf(chat, message))).size === 1;
  if (learned.length === assistants.length && uniform)
    return blocks.map((block) => ({ message: learned.at(-1) as number, ...block }));
  // The blocks cannot be told apart, so find the turns without them.
  return follower.turns(learned);
}

/** Everything counts; a message with a weight of its own counts with that. */
function everything(follower: Follower, chat: Conversation): LearnedSpan[] {
  const { text } = follower;
  const weighted = [...chat.messages.keys()].filter((at) => weightOf(chat, at) !== 1);
  const spans: LearnedSpan[] = [];
  let from = 0;
  for (const { message, begin, end } of follower.turns(weighted)) {
    if (begin > from) spans.push({ begin: from, end: begin, weight: 1 });
    if (weightOf(chat, message) > 0) spans.push({ begin, end, weight: weightOf(chat, message) });
    from = end;
  }
  if (text.length > from) spans.push({ begin: from, end: text.length, weight: 1 });
  return spans;
}

/** What the model gets when it generates must be exactly how the training text begins. */
function checkPrompt(follower: Follower, template: ChatTemplate, chat: Conversation, message: number): number {
  const prompt = follower.prompt(message);
  if (follower.text.startsWith(prompt)) return prompt.length;
  let at = 0;
  while (at < prompt.length && prompt[at] === follower.text[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 30), at + 30));
  throw dataError(
    chat.place,
    `expected the chat template of ${template.source.file} to render the same for training and for generation; ` +
      'the prompt of ' +
      `message ${message + 1} differs from character ${at} on: generation ${around(prompt)}, training ` +
      `${around(follower.text)}. ` +
      "The model would be asked something else than it learned: set the template's variables " +
      "(data.templateVariables, such as enable_thinking: false) " +
      'or pass another template (data.chatTemplate)',
  );
}

function nothingLearned(chat: Conversation, trainOn: TrainOn): Error {
  const roles = chat.messages.map(({ role, weight }) => (weight === 0 ? `${role} (weight 0)` : role)).join(', ');
  const wanted = typeof trainOn === 'string' ? 'an assistant message' : `a message by ${trainOn.join(' or ')}`;
  return dataError(
    { ...chat.place, field: 'messages' },
    `expected ${wanted} to learn, came ${roles}. Nothing of this row would be learned: ` +
      'add an answer, or remove the row',
  );
}
