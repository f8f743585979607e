// Finds each turn of a conversation in its rendered text by following the template: contents are rendered with
// private-use characters around them, and the conversation is rendered up to a turn. Nothing is searched by wording.
import { dataError, type Place } from '../errors.js';
import type { ChatMessage } from '../record.js';
import {
  TemplateRefusal,
  templateMessage,
  type ChatTemplate,
  type RenderOptions,
  type TemplateMessage,
} from './chat-template.js';

/** Where a turn stands in the rendered text: [begin, end) is what the model would have to write. */
export interface Turn {
  readonly message: number;
  readonly begin: number;
  /** Behind the turn's end token, if it has one. */
  readonly end: number;
}

export interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[];
  readonly place: Place;
}

/** What ends a turn: texts of the tokens that stop generation, and of all added tokens. */
export interface EndTexts {
  readonly stops: readonly string[];
  readonly added: readonly string[];
}

interface Marks {
  begin?: number;
  end?: number;
}

const PRIVATE_FIRST = 0xe000;
const PRIVATE_LAST = 0xf8ff;
const PRIVATE = /[\ue000-\uf8ff]/g;

export class Follower {
  readonly text: string;
  readonly #template: ChatTemplate;
  readonly #chat: Conversation;
  readonly #rendered: readonly TemplateMessage[];
  readonly #ends: EndTexts;
  readonly #prompts = new Map<number, string>();

  constructor(template: ChatTemplate, chat: Conversation, ends: EndTexts) {
    this.#template = template;
    this.#chat = chat;
    this.#ends = ends;
    this.#rendered = chat.messages.map((message) => templateMessage(message));
    this.text = this.#render(this.#rendered);
  }

  /** The conversation before a message, with the generation prompt: what the model gets when it has to write it. */
  prompt(message: number): string {
    let prompt = this.#prompts.get(message);
    if (prompt === undefined) {
      prompt = this.#render(this.#rendered.slice(0, message), true);
      this.#prompts.set(message, prompt);
    }
    return prompt;
  }

  /** The given turns, in order. One that cannot be found is an error naming the row. */
  turns(wanted: readonly number[]): Turn[] {
    if (wanted.length === 0) return [];
    const marks = this.#findContents(wanted);
    const header = wanted.length > 1 ? this.#generationHeader(wanted.at(-1) as number) : undefined;
    const sample = this.#endSample(wanted.at(-1) as number, marks);
    return wanted.map((message) => {
      const own = marks.get(message) ?? {};
      const begin = this.#begin(message, own, header);
      return { message, begin, end: Math.max(begin, this.#end(message, begin, own, sample)) };
    });
  }

  /**
   * Where characters of a message's content stand in the text (offsets inside the white space at its ends, since
   * templates trim). undefined for those that the template leaves out, as thoughts in history.
   */
  contentPlaces(message: number, offsets: readonly number[]): (number | undefined)[] {
    const { content } = this.#chat.messages[message] as ChatMessage;
    return this.#places(message, content ?? '', offsets, (marked) => ({ content: marked }));
  }

  /** Where the thoughts of a message end (its `reasoning_content`); undefined if it has none, or they are left out. */
  thoughtsEnd(message: number): number | undefined {
    const thoughts = this.#chat.messages[message]?.extra?.reasoning_content;
    if (typeof thoughts !== 'string' || thoughts.trim() === '') return undefined;
    return this.#places(message, thoughts, [thoughts.length], (marked) => ({ reasoning_content: marked }))[0];
  }

  #places(
    message: number,
    content: string,
    offsets: readonly number[],
    put: (marked: string) => TemplateMessage,
  ): (number | undefined)[] {
    const first = content.length - content.trimStart().length;
    const inside = offsets.map((offset) => Math.min(Math.max(offset, first), Math.max(first, content.trimEnd().length)));
    const sorted = [...new Set(inside)].sort((a, b) => a - b);
    const characters = this.#privateCharacters(sorted.length);
    if (characters === undefined) throw this.#lost('its text uses every private-use character');
    let marked = '';
    sorted.forEach((offset, i) => {
      marked += content.slice(sorted[i - 1] ?? 0, offset) + (characters[i] as string);
    });
    marked += content.slice(sorted.at(-1) ?? 0);
    const messages = [...this.#rendered];
    messages[message] = { ...this.#rendered[message], ...put(marked) };
    const found = new Map<number, number>();
    let plain = '';
    for (const piece of this.#render(messages).split(new RegExp(`([${characters.join('')}])`))) {
      const mark = characters.indexOf(piece);
      if (mark === -1) plain += piece;
      else if (found.has(mark)) throw this.#lost(`message ${message + 1} is written twice`);
      else found.set(mark, plain.length);
    }
    if (plain !== this.text) throw this.#lost(`it looks into message ${message + 1}, so that its parts cannot be told apart`);
    return inside.map((offset) => found.get(sorted.indexOf(offset)));
  }

  /** Where the token that ends a turn begins; undefined if it ends with none. */
  endToken({ begin, end }: Turn): number | undefined {
    const turn = this.text.slice(begin, end).trimEnd();
    const token = [...this.#ends.stops, ...this.#ends.added].filter((one) => one !== '' && turn.endsWith(one))
      .sort((a, b) => b.length - a.length)[0];
    return token === undefined ? undefined : begin + turn.length - token.length;
  }

  /** Spans of the template's own `{% generation %}` blocks. */
  generationBlocks(): { begin: number; end: number }[] {
    const [open, close] = this.#privateCharacters(2) ?? [];
    if (open === undefined || close === undefined) throw this.#lost('its text uses every private-use character');
    const marked = this.#render(this.#rendered, false, (messages, options) =>
      this.#template.renderMarked(messages, options, open, close),
    );
    const blocks: { begin: number; end: number }[] = [];
    let plain = '';
    let begin: number | undefined;
    for (const piece of marked.split(new RegExp(`(${open}|${close})`))) {
      if (piece === open) begin = plain.length;
      else if (piece === close) {
        if (begin !== undefined) blocks.push({ begin, end: plain.length });
        begin = undefined;
      } else plain += piece;
    }
    if (plain !== this.text) throw this.#lost('its {% generation %} blocks change the text');
    return blocks;
  }

  /** Marks of all wanted contents at once, or one by one where the template looks into some of them. */
  #findContents(wanted: readonly number[]): ReadonlyMap<number, Marks> {
    const marks = this.#markContents(wanted);
    if (marks !== undefined || wanted.length === 1) return marks ?? new Map();
    return new Map(wanted.flatMap((message) => [...(this.#markContents([message]) ?? [])]));
  }

  /** Renders once with the contents wrapped; undefined if the template then writes something else. */
  #markContents(wanted: readonly number[]): ReadonlyMap<number, Marks> | undefined {
    const characters = this.#privateCharacters(2 * wanted.length);
    if (characters === undefined) return undefined;
    const owner = new Map<string, { message: number; side: 'begin' | 'end' }>();
    const messages = [...this.#rendered];
    wanted.forEach((message, i) => {
      const open = characters[2 * i] as string;
      const close = characters[2 * i + 1] as string;
      const { content, extra } = this.#chat.messages[message] as ChatMessage;
      // Templates ask whether there is any content beside tool calls.
      if (content === null || (content === '' && extra?.tool_calls !== undefined)) return;
      // Inside the white space at both ends, because templates trim.
      const [, before = '', core = '', after = ''] = /^(\s*)(.*?)(\s*)$/s.exec(content) ?? [];
      messages[message] = { ...this.#rendered[message], content: `${before}${open}${core}${close}${after}` };
      owner.set(open, { message, side: 'begin' });
      owner.set(close, { message, side: 'end' });
    });
    let marked: string;
    try {
      marked = this.#template.render(messages, this.#options(false));
    } catch {
      return undefined;
    }
    const marks = new Map<number, Marks>();
    let plain = 0;
    let from = 0;
    for (let at = 0; at < marked.length; at++) {
      const code = marked.charCodeAt(at);
      const mark = code >= PRIVATE_FIRST && code <= PRIVATE_LAST ? owner.get(marked[at] as string) : undefined;
      if (mark === undefined) continue;
      plain += at - from;
      if (this.text.slice(plain - (at - from), plain) !== marked.slice(from, at)) return undefined;
      from = at + 1;
      const own = marks.get(mark.message) ?? {};
      // Written twice: there is no single place.
      if (own[mark.side] !== undefined) return undefined;
      own[mark.side] = plain;
      marks.set(mark.message, own);
    }
    return this.text.slice(plain) === marked.slice(from) ? marks : undefined;
  }

  /** Characters that occur neither in the text nor in the template. */
  #privateCharacters(count: number): string[] | undefined {
    const all = this.text + this.#template.source.text + JSON.stringify(this.#rendered);
    const used = new Set(all.match(PRIVATE) ?? []);
    const free: string[] = [];
    for (let code = PRIVATE_FIRST; code <= PRIVATE_LAST && free.length < count; code++) {
      const char = String.fromCharCode(code);
      if (!used.has(char)) free.push(char);
    }
    return free.length === count ? free : undefined;
  }

  /** What the generation prompt adds to the conversation before a message, such as "<|im_start|>assistant\n". */
  #generationHeader(message: number): string | undefined {
    const prompt = this.prompt(message);
    const before = this.#renderPart(message);
    return before !== undefined && prompt.startsWith(before) && prompt.length > before.length
      ? prompt.slice(before.length)
      : undefined;
  }

  #begin(message: number, own: Marks, header: string | undefined): number {
    if (this.#chat.messages[message]?.role !== 'assistant') {
      if (own.begin !== undefined) return own.begin;
      const before = this.#renderPart(message);
      if (before !== undefined && this.text.startsWith(before)) return before.length;
      throw this.#lost(
        `message ${message + 1} (${this.#chat.messages[message]?.role}) cannot be found in the rendered text`,
      );
    }
    if (own.begin !== undefined && header !== undefined && this.text.startsWith(header, own.begin - header.length))
      return own.begin;
    const prompt = this.prompt(message);
    if (this.text.startsWith(prompt)) return prompt.length;
    // An earlier turn may be rendered differently once it is history (thoughts removed); its content still counts.
    if (own.begin !== undefined) return own.begin;
    throw this.#lost(`message ${message + 1} (assistant) cannot be found in the rendered text`);
  }

  /** Texts that may end a turn, longest first, as the template writes them after the last wanted turn. */
  #endSample(message: number, marks: ReadonlyMap<number, Marks>): readonly string[] {
    const end = marks.get(message)?.end;
    if (end === undefined) return [];
    const upTo = message === this.#rendered.length - 1 ? this.text : this.#renderPart(message + 1);
    if (upTo === undefined || !upTo.startsWith(this.text.slice(0, end))) return [];
    return this.#endings(this.#withoutTail(message, upTo.slice(end)), message);
  }

  #end(message: number, begin: number, own: Marks, sample: readonly string[]): number {
    if (own.end !== undefined) {
      const tail = this.text.slice(own.end);
      const rest = this.#withoutTail(message, tail);
      const at = own.end + tail.length - rest.length;
      const ending =
        sample.find((text) => this.text.startsWith(text, at)) ??
        sample.find((text) => this.text.startsWith(text, own.end));
      if (ending !== undefined) return (this.text.startsWith(ending, at) ? at : own.end) + ending.length;
      const token = this.#ownEnding(rest);
      if (token !== undefined) return at + token.length;
    }
    const upTo = message === this.#rendered.length - 1 ? this.text : this.#renderPart(message + 1);
    if (upTo !== undefined && this.text.startsWith(upTo)) {
      const from = own.end ?? begin;
      const ending = this.#endings(upTo.slice(from), message, own.end === undefined)[0];
      return ending === undefined ? Math.max(from, upTo.trimEnd().length) : from + ending.length;
    }
    if (own.end !== undefined) return own.end;
    // History is rendered differently from a last turn: its end is the first text that ends turns here.
    for (const ending of sample) {
      const at = this.text.indexOf(ending, begin);
      if (at !== -1) return at + ending.length;
    }
    throw this.#lost(`the end of message ${message + 1} cannot be found in the rendered text`);
  }

  /**
   * The token that ends a turn of history where the last turn ends with another one: a stop token, or an added token that
   * another one follows (the next turn's first; a token that text follows would be that itself).
   */
  #ownEnding(text: string): string | undefined {
    const starts = (tokens: readonly string[], from: string): string | undefined =>
      tokens.filter((token) => token !== '' && from.startsWith(token)).sort((a, b) => b.length - a.length)[0];
    const stop = starts(this.#ends.stops, text);
    if (stop !== undefined) return stop;
    const added = starts(this.#ends.added, text);
    if (added === undefined) return undefined;
    const rest = text.slice(added.length).trimStart();
    return rest === '' || starts(this.#ends.added, rest) !== undefined ? added : undefined;
  }

  /** Without the white space that ended the content itself, where the template keeps it. */
  #withoutTail(message: number, text: string): string {
    const space = /\s*$/.exec(this.#chat.messages[message]?.content ?? '')?.[0] ?? '';
    return space !== '' && text.startsWith(space) ? text.slice(space.length) : text;
  }

  /**
   * Beginnings of `text` that end a turn: up to its first stop token, and up to its first added token (the last one
   * where content or tool calls, which hold added tokens of their own, lie before it).
   */
  #endings(text: string, message: number, holdsContent = false): readonly string[] {
    const whole = holdsContent || this.#chat.messages[message]?.extra?.tool_calls !== undefined;
    const after = (tokens: readonly string[], last: boolean) => {
      const ends = tokens
        .filter((token) => token !== '')
        .flatMap((token) => {
          const at = last ? text.lastIndexOf(token) : text.indexOf(token);
          return at === -1 ? [] : [at + token.length];
        });
      return ends.length === 0 ? undefined : last ? Math.max(...ends) : Math.min(...ends);
    };
    const found = [after(this.#ends.stops, whole), after(this.#ends.added, whole)].filter((end) => end !== undefined);
    return [...new Set(found)].sort((a, b) => b - a).map((end) => text.slice(0, end));
  }

  /** The first `count` messages alone; undefined where the template refuses them. */
  #renderPart(count: number): string | undefined {
    try {
      return this.#template.render(this.#rendered.slice(0, count), this.#options(false));
    } catch {
      return undefined;
    }
  }

  #options(addGenerationPrompt: boolean): { addGenerationPrompt: boolean; tools?: readonly unknown[] } {
    return { addGenerationPrompt, ...(this.#chat.tools === undefined ? {} : { tools: this.#chat.tools }) };
  }

  #render(
    messages: readonly TemplateMessage[],
    addGenerationPrompt = false,
    render: (messages: readonly TemplateMessage[], options: RenderOptions) => string = (...all) =>
      this.#template.render(...all),
  ): string {
    try {
      return render(messages, this.#options(addGenerationPrompt));
    } catch (error) {
      const how = addGenerationPrompt
        ? `the first ${messages.length} messages with the generation prompt`
        : `${messages.length} messages`;
      throw dataError(
        this.#chat.place,
        `expected a conversation that the chat template of ${this.#template.source.file} renders; for ${how} it ` +
          (error instanceof TemplateRefusal
            ? `refused: ${error.message}`
            : `failed: ${(error as Error).message}${this.#template.locate((error as Error).message)}`) +
          '. Correct the row, or pass another template (data.chatTemplate)',
        { cause: error },
      );
    }
  }

  #lost(why: string): Error {
    return dataError(
      this.#chat.place,
      `expected to find what is learned by following the chat template of ${this.#template.source.file}, but ${why}. ` +
        'Mark it with {% generation %} in the template (data.chatTemplate)',
    );
  }
}
