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

export interface MaskOptions {
  /** Default: 'completions'. */
  readonly trainOn?: TrainOn;
  /** Whether the thoughts before an answer (`reasoning_content`, <think>…</think>) are learned. Default: 'learn'. */
  readonly reasoning?: 'learn' | 'context';
  /**
   * Which turns' end tokens are learned: of every learned turn (default), of the last one, of all turns whoever speaks,
   * or none: then the model does not learn to stop.
   */
  readonly endOfTurn?: 'turn' | 'last' | 'all' | 'never';
}

/** Renders a conversation and finds the spans to learn; every problem is an ERR_DATA naming the row. */
export function maskConversation(
  template: ChatTemplate,
  chat: Conversation,
  ends: EndTexts,
  options: MaskOptions = {},
): MaskedText {
  const { trainOn = 'completions' } = options;
  const follower = new Follower(template, chat, ends);
  const { text } = follower;
  if (trainOn === 'all') return { text, spans: refined(follower, chat, ...everything(follower, chat), options) };
  const learned = learnedMessages(chat, trainOn);
  if (learned.length === 0) throw nothingLearned(chat, trainOn);
  const final = learned.at(-1) as number;
  const promptEnd =
    chat.messages[final]?.role === 'assistant' ? checkPrompt(follower, template, chat, final) : undefined;
  const turns =
    template.marksGeneration && onlyAssistant(chat, learned)
      ? markedTurns(follower, chat, learned)
      : follower.turns(learned);
  const whole = turns.map(({ message, begin, end }) => ({ begin, end, weight: weightOf(chat, message) }));
  const spans = refined(follower, chat, whole, turns, options);
  if (spans.length === 0) throw nothingLearned(chat, trainOn);
  return { text, spans, ...(promptEnd === undefined ? {} : { promptEnd }) };
}

/** The spans of whole turns, with parts of contents, thoughts and end tokens counted as they are wanted. */
function refined(
  follower: Follower,
  chat: Conversation,
  whole: readonly LearnedSpan[],
  turns: readonly Turn[],
  { reasoning = 'learn', endOfTurn = 'turn' }: MaskOptions,
): LearnedSpan[] {
  let spans = whole;
  for (const turn of turns) {
    const { spans: parts = [] } = chat.messages[turn.message] as ChatMessage;
    if (parts.length > 0) {
      const places = follower.contentPlaces(turn.message, parts.flatMap(({ begin, end }) => [begin, end]));
      parts.forEach(({ weight }, i) => {
        const [begin, end] = [places[2 * i], places[2 * i + 1]];
        if (begin !== undefined && end !== undefined) spans = scale(spans, begin, end, weight);
      });
    }
    if (reasoning === 'context') spans = scale(spans, turn.begin, answerBegin(follower, chat, turn), 0);
  }
  if (endOfTurn === 'never' || endOfTurn === 'last') {
    for (const turn of endOfTurn === 'last' ? turns.slice(0, -1) : turns) {
      const end = follower.endToken(turn);
      if (end !== undefined) spans = scale(spans, end, turn.end, 0);
    }
  }
  if (endOfTurn === 'all') {
    for (const turn of follower.turns([...chat.messages.keys()])) {
      const end = follower.endToken(turn);
      if (end === undefined || spans.some((span) => span.begin < turn.end && span.end > end)) continue;
      spans = [...spans, { begin: end, end: turn.end, weight: 1 }].sort((a, b) => a.begin - b.begin);
    }
  }
  return spans.filter(({ begin, end, weight }) => end > begin && weight > 0);
}

/** Where the answer begins behind the thoughts; the turn's begin where there are none. */
function answerBegin(follower: Follower, chat: Conversation, turn: Turn): number {
  const { content, extra } = chat.messages[turn.message] as ChatMessage;
  const inline = content === null ? -1 : content.lastIndexOf('</think>');
  if (inline !== -1) {
    const from = inline + '</think>'.length;
    const space = /^\s*/.exec((content as string).slice(from))?.[0].length ?? 0;
    return follower.contentPlaces(turn.message, [from + space])[0] ?? turn.begin;
  }
  if (typeof extra?.reasoning_content !== 'string') return turn.begin;
  const thoughts = follower.thoughtsEnd(turn.message);
  if (thoughts === undefined) return turn.begin;
  return content === null || content.trim() === '' ? thoughts : (follower.contentPlaces(turn.message, [0])[0] ?? thoughts);
}

/** Multiplies the weight of [begin, end). */
function scale(spans: readonly LearnedSpan[], begin: number, end: number, factor: number): readonly LearnedSpan[] {
  return spans.flatMap((span) => {
    const [from, to] = [Math.max(span.begin, begin), Math.min(span.end, end)];
    if (from >= to) return [span];
    return [
      { ...span, end: from },
      { begin: from, end: to, weight: span.weight * factor },
      { ...span, begin: to },
    ].filter((part) => part.end > part.begin);
  });
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
  const parts = assistants.some((message) => chat.messages[message]?.spans !== undefined);
  if (blocks.length === assistants.length) {
    return assistants
      .map((message, i) => ({ message, ...(blocks[i] as { begin: number; end: number }) }))
      .filter(({ message }) => learned.includes(message));
  }
  const uniform = new Set(assistants.map((message) => weightOf(chat, message))).size === 1;
  if (learned.length === assistants.length && uniform && !parts)
    return blocks.map((block) => ({ message: learned.at(-1) as number, ...block }));
  // The blocks cannot be told apart, so find the turns without them.
  return follower.turns(learned);
}

/** Everything counts; a message with a weight of its own counts with that. */
function everything(follower: Follower, chat: Conversation): [LearnedSpan[], Turn[]] {
  const { text } = follower;
  const weighted = [...chat.messages.keys()].filter(
    (at) => weightOf(chat, at) !== 1 || chat.messages[at]?.spans !== undefined,
  );
  const spans: LearnedSpan[] = [];
  const turns = follower.turns(weighted);
  let from = 0;
  for (const { message, begin, end } of turns) {
    if (begin > from) spans.push({ begin: from, end: begin, weight: 1 });
    if (weightOf(chat, message) > 0) spans.push({ begin, end, weight: weightOf(chat, message) });
    from = end;
  }
  if (text.length > from) spans.push({ begin: from, end: text.length, weight: 1 });
  return [spans, turns];
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
