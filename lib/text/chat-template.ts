// A model's own chat template: found in its folder, parsed once, rendered for a list of messages.
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { dataError, describe } from '../errors.js';
import type { ChatMessage } from '../record.js';
import { ExactValues } from './exact-values.js';
import type { TextTokenizer, TokenizerConfig } from './tokenizer.js';

export interface TemplateSource {
  /** Jinja text, line ends as \n. */
  readonly text: string;
  /** Where it was found, for messages. */
  readonly file: string;
}

export interface RenderOptions {
  readonly addGenerationPrompt?: boolean;
  readonly tools?: readonly unknown[];
}

export interface TemplateSettings {
  /** More variables for the template, such as `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** What `strftime_now` tells. Default: now. Part of every cache key when the template asks for the date. */
  readonly now?: Date;
}

/** A message as templates see it. `content` may be wrapped by the mask before it comes here. */
export type TemplateMessage = Readonly<Record<string, unknown>>;

type Parsed = ReturnType<typeof parse>;

export class ChatTemplate {
  readonly source: TemplateSource;
  /** The template marks what is learned with `{% generation %}`. */
  readonly marksGeneration: boolean;
  /** The text depends on the date. */
  readonly usesDate: boolean;
  readonly settings: TemplateSettings;
  /** bos_token, eos_token and the like, as variables. */
  readonly specials: Readonly<Record<string, string>>;
  readonly #plain: Parsed;
  readonly #marked = new Map<string, Parsed>();

  constructor(source: TemplateSource, specials: Readonly<Record<string, string>>, settings: TemplateSettings = {}) {
    this.source = { file: source.file, text: source.text.replace(/\r\n?/g, '\n') };
    // One moment for all rows of a data set.
    this.settings = { ...settings, now: settings.now ?? new Date() };
    this.specials = specials;
    this.marksGeneration = GENERATION.test(this.source.text);
    this.usesDate = /strftime_now/.test(this.source.text);
    this.#plain = this.#parse(this.source.text);
    const control = findLoopControl(this.#plain);
    if (control !== undefined) {
      throw dataError(
        { file: source.file },
        `expected a template without {% ${control} %}, came one that uses it. The Jinja engine used here drops ` +
          'the text that a turn of the loop has already produced, so messages would be lost silently. Rewrite the ' +
          'loop with {% if %}, ' +
          'and pass the result as data.chatTemplate',
      );
    }
  }

  render(messages: readonly TemplateMessage[], options: RenderOptions = {}): string {
    return this.#run(this.#plain, messages, options);
  }

  /** Renders with `open` and `close` put around every `{% generation %}` block. */
  renderMarked(messages: readonly TemplateMessage[], options: RenderOptions, open: string, close: string): string {
    let parsed = this.#marked.get(open + close);
    if (parsed === undefined) {
      parsed = this.#parse(markGeneration(this.source.text, open, close));
      this.#marked.set(open + close, parsed);
    }
    return this.#run(parsed, messages, options);
  }

  /** The line that an engine's message is about, where it names a filter, a test or a statement; else nothing. */
  locate(message: string): string {
    const name = /(?:filter|test|statement type): (\w+)$|filter "(\w+)"/.exec(message);
    const word = name?.[1] ?? name?.[2];
    if (word === undefined) return '';
    const lines = this.source.text.split('\n');
    const at = lines.findIndex((line) => new RegExp(`\\b${word}\\b`).test(line));
    return at === -1 ? '' : ` (line ${at + 1}: ${(lines[at] as string).trim().slice(0, 80)})`;
  }

  #parse(text: string): Parsed {
    try {
      return parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
    } catch (error) {
      throw dataError(
        { file: this.source.file },
        'expected a Jinja chat template, came one that cannot be parsed: ' +
          `${(error as Error).message}${this.locate((error as Error).message)}. ` +
          'Correct it, or pass another as data.chatTemplate',
        { cause: error },
      );
    }
  }

  #run(parsed: Parsed, messages: readonly TemplateMessage[], options: RenderOptions): string {
    const environment = new Environment();
    // Only calls and descriptions of tools hold such values.
    const exact = options.tools === undefined && !messages.some((message) => message.tool_calls !== undefined) ? undefined
      : ExactValues.of([messages, options.tools]);
    const globals: Record<string, unknown> = {
      ...this.specials,
      add_generation_prompt: options.addGenerationPrompt ?? false,
      ...(options.tools === undefined ? { tools: null } : { tools: exact === undefined ? options.tools : exact.put(options.tools) }),
      documents: null,
      ...this.settings.variables,
      messages: exact === undefined ? messages : exact.put(messages),
      true: true,
      True: true,
      false: false,
      False: false,
      none: null,
      None: null,
      raise_exception: (message: unknown) => {
        throw new TemplateRefusal(String(message));
      },
      range: (...bounds: number[]) => range(...bounds),
      strftime_now: (format: string) => strftime(this.settings.now as Date, format),
    };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    const result = new Interpreter(environment).run(parsed) as { value: unknown };
    return exact === undefined ? String(result.value) : exact.take(String(result.value));
  }
}

/** The template itself refused the conversation with `raise_exception`. */
export class TemplateRefusal extends Error {}

/** A message as templates expect it: `role`, `content` and whatever else the row gave. */
export function templateMessage(message: ChatMessage, content: string | null = message.content): TemplateMessage {
  return { role: message.role, content, ...message.extra };
}

/**
 * Finds a model's template: `chat_template.jinja` beside the tokenizer, then `chat_template` in tokenizer_config.json
 * (text, or a list of named ones: "default" unless `name` says otherwise). Undefined if the model has none.
 */
export async function findChatTemplate(
  tokenizer: TextTokenizer,
  name = 'default',
): Promise<TemplateSource | undefined> {
  const folder = path.dirname(tokenizer.files.file);
  const named =
    name === 'default'
      ? path.join(folder, 'chat_template.jinja')
      : path.join(folder, 'additional_chat_templates', `${name}.jinja`);
  const text = await readFile(named, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw dataError({ file: named }, `cannot be read: ${error.message}`, { cause: error });
  });
  if (text !== undefined) return { text, file: named };
  const file = path.join(folder, 'tokenizer_config.json');
  const found = templateOf(tokenizer.config, name, file);
  return found === undefined ? undefined : { text: found, file };
}

function templateOf(config: TokenizerConfig, name: string, file: string): string | undefined {
  const { chat_template: value } = config;
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  const list: unknown[] = Array.isArray(value)
    ? value
    : typeof value === 'object'
      ? Object.entries(value).map(([key, template]) => ({ name: key, template }))
      : [];
  const templates = list.filter(
    (item): item is { name: string; template: string } =>
      typeof item === 'object' &&
      item !== null &&
      'name' in item &&
      typeof item.name === 'string' &&
      'template' in item &&
      typeof item.template === 'string',
  );
  if (templates.length === 0) {
    throw dataError(
      { file, field: 'chat_template' },
      `expected Jinja text or a list of {name, template}, came ${describe(value)}`,
    );
  }
  const chosen = templates.find((item) => item.name === name);
  if (chosen === undefined) {
    throw dataError(
      { file, field: 'chat_template' },
      `expected a template named "${name}", came ${templates.map((item) => `"${item.name}"`).join(', ')}. ` +
        'Choose one of them (data.chatTemplateName)',
    );
  }
  return chosen.template;
}

/** The template of a tokenizer's folder, or of `override`, ready to render; undefined if there is none. */
export async function loadChatTemplate(
  tokenizer: TextTokenizer,
  options: TemplateSettings & { readonly override?: TemplateSource; readonly name?: string } = {},
): Promise<ChatTemplate | undefined> {
  const { override, name, ...settings } = options;
  const source = override ?? (await findChatTemplate(tokenizer, name));
  return source === undefined ? undefined : new ChatTemplate(source, specialTexts(tokenizer), settings);
}

/** Variables such as bos_token and eos_token; a missing one is left undefined, as transformers does. */
export function specialTexts(tokenizer: TextTokenizer): Readonly<Record<string, string>> {
  const names = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = tokenizer.specialText(name);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

const GENERATION = /\{%[-+]?\s*generation\s*[-+]?%\}/;

/**
 * Rewrites `{% generation %}` … `{% endgeneration %}` so that two marks come out around the block. The whitespace
 * dashes stay on the outer side of what replaces the tag, so that the text between is exactly as before.
 */
export function markGeneration(template: string, open: string, close: string): string {
  return template.replace(
    /\{%(-?)\s*(end)?generation\s*(-?)%\}/g,
    (_, before: string, end: string | undefined, after: string) =>
      end === undefined
        ? `{%${before} if true %}{{ '${open}' }}{% if true ${after}%}`
        : `{%${before} endif %}{{ '${close}' }}{% endif ${after}%}`,
  );
}

/** Walks the syntax tree for a loop control; strings and comments in the template do not count. */
function findLoopControl(node: unknown): 'break' | 'continue' | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { type } = node as { type?: unknown };
  if (type === 'Break') return 'break';
  if (type === 'Continue') return 'continue';
  for (const child of node instanceof Map ? [...node.keys(), ...node.values()] : Object.values(node)) {
    const found = findLoopControl(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function range(...bounds: number[]): number[] {
  const [start, stop, step] =
    bounds.length < 2 ? [0, bounds[0] ?? 0, 1] : [bounds[0] as number, bounds[1] as number, bounds[2] ?? 1];
  if (step === 0) throw new TemplateRefusal('range() arg 3 must not be zero');
  const result: number[] = [];
  for (let value = start; step > 0 ? value < stop : value > stop; value += step) result.push(value);
  return result;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Python's strftime in the C locale, for what templates ask. An unknown directive is an error, not silently kept. */
export function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const values: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    H: () => two(date.getHours()),
    I: () => two(date.getHours() % 12 || 12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    A: () => DAYS[date.getDay()] as string,
    a: () => (DAYS[date.getDay()] as string).slice(0, 3),
    B: () => MONTHS[date.getMonth()] as string,
    b: () => (MONTHS[date.getMonth()] as string).slice(0, 3),
    e: () => String(date.getDate()).padStart(2, ' '),
    '%': () => '%',
  };
  return format.replace(/%(-?)(.)/gs, (all, dash: string, letter: string) => {
    const value = values[letter]?.();
    if (value === undefined)
      throw new TemplateRefusal(`strftime_now: "${all}" is not supported; use %Y %m %d %B %b %A %a %H %I %M %S %p`);
    return dash === '-' ? value.replace(/^[0 ](?=.)/, '') : value;
  });
}
