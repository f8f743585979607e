// From a row to what the model reads: the description, examples with their answers, the question. Every text is joined
// as lm-evaluation-harness joins it, and examples are drawn as its samplers draw them.

import { dataError, describe } from '../../errors.js';
import { chatText, plainText } from './chat.js';
import type { Message, TaskChat } from './chat.js';
import type { Field, TaskConfig } from './config.js';
import { endsWithSpace, isDigits, pythonLiteral, startsWithSpace } from './python.js';
import { PythonRandom } from './python-random.js';
import { TaskTemplate } from './template.js';
import type { Doc } from './template.js';
import { isFunction } from './yaml.js';

/** TypeScript stand-ins for the Python functions that a task names. */
export type TaskFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;
export type Target = string | number | readonly (string | number)[];

export interface PromptOptions {
  readonly seed: number;
  readonly functions: TaskFunctions;
  /** Said before the task's description. */
  readonly system?: string | undefined;
  /** Prompts go through a chat template. */
  readonly chat?: TaskChat | undefined;
}

/** Reads the fields of rows of one task. */
export class TaskPrompts {
  readonly #task: TaskConfig;
  readonly #functions: TaskFunctions;
  readonly #features: ReadonlySet<string>;
  readonly #templates = new Map<string, TaskTemplate>();
  readonly #random: PythonRandom;
  readonly #pool: readonly Doc[];
  readonly #excludes: boolean;
  readonly #system: string;
  readonly #chat: TaskChat | undefined;

  /** `first`: the first row, whose fields are those of all. `examples`: rows that few-shot examples come from. */
  constructor(task: TaskConfig, first: Doc, examples: readonly Doc[], options: PromptOptions) {
    this.#task = task;
    this.#system = options.system ?? '';
    this.#chat = options.chat;
    this.#functions = options.functions;
    this.#features = new Set(Object.keys(first));
    this.#random = new PythonRandom(options.seed);
    const { indices } = task.fewshot;
    this.#pool = indices === undefined ? examples : indices.map((index) => examples[index]!);
    this.#excludes = task.excludesItself;
  }

  text(doc: Doc, field = this.#task.docToText): string | number {
    const value = this.#field(doc, field, 'doc_to_text');
    return typeof value === 'string' && this.#task.docToChoice !== undefined && !this.#plain(field) && isDigits(value) ? Number(value) : value as string | number;
  }

  target(doc: Doc, field = this.#task.docToTarget): Target {
    const value = this.#field(doc, field, 'doc_to_target');
    if (typeof value !== 'string' || this.#plain(field)) return value as Target;
    if (this.#task.docToChoice !== undefined && isDigits(value)) return Number(value);
    return value.length >= 2 && value.startsWith('[') && value.endsWith(']') ? (pythonLiteral(value) as Target | undefined) ?? value : value;
  }

  choices(doc: Doc, field = this.#task.docToChoice): readonly string[] {
    if (Array.isArray(field)) return field as readonly string[];
    if (typeof field === 'object' && !isFunction(field)) return Object.values(field as Readonly<Record<string, string>>);
    const template = typeof field === 'string' && !this.#features.has(field) ? this.#template(field, 'doc_to_choice') : undefined;
    const value = template === undefined ? this.#field(doc, field, 'doc_to_choice') : template.value(doc)?.value ?? template.render(doc);
    const list = typeof value === 'string' ? pythonLiteral(value) : value;
    if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
    throw dataError({ file: this.#task.file, field: 'doc_to_choice' }, `expected a list of texts for every row, came ${describe(value)}`);
  }

  get hasChoices(): boolean {
    return this.#task.docToChoice !== undefined;
  }

  /** What the model reads for a row; several texts where the row's choices are questions instead of answers. */
  context(doc: Doc, shots: number): string | readonly string[] {
    const task = this.#task;
    const description = task.description === '' ? '' : this.#resolve(doc, task.description);
    const system = joined(this.#system, description, task.fewshotDelimiter);
    const before: Message[] = system === '' ? [] : [{ role: 'system', content: system, delimiter: '' }];
    for (const example of this.#examples(doc, shots)) before.push(...this.#example(example));
    const question = this.text(doc);
    const prefix = task.genPrefix === undefined ? '' : this.#resolve(doc, task.genPrefix);
    const ask = (text: string, delimiter: string): string => {
      const messages = [...before, ...turn(text, undefined, { prefix, delimiter, after: '' })];
      return this.#chat === undefined ? plainText(messages) : chatText(messages, this.#chat, prefix !== '');
    };
    return typeof question === 'number' ? this.choices(doc).map((choice) => ask(choice, '')) : ask(question, task.targetDelimiter);
  }

  /** A question with its answer and the delimiters around them. */
  #example(doc: Doc): readonly Message[] {
    const { fewshot } = this.#task;
    const question = this.text(doc, fewshot.docToText);
    const choices = fewshot.docToChoice === undefined ? undefined : this.choices(doc, fewshot.docToChoice);
    const answer = this.target(doc, fewshot.docToTarget);
    const asked = typeof question === 'number' ? choices![question]! : question;
    const told = typeof answer === 'number' && choices !== undefined && typeof question !== 'number' ? choices[answer] : Array.isArray(answer) ? answer[0] : answer;
    if (typeof told !== 'string') throw dataError({ file: this.#task.file, field: 'doc_to_target' }, `expected text for a few-shot example, came ${describe(told)}`);
    const prefix = fewshot.genPrefix === undefined ? '' : this.#resolve(doc, fewshot.genPrefix);
    return turn(asked, answer === '' ? undefined : told, { prefix, delimiter: fewshot.targetDelimiter, after: fewshot.fewshotDelimiter });
  }

  #examples(doc: Doc, shots: number): readonly Doc[] {
    if (shots === 0) return [];
    const same = JSON.stringify(doc);
    const others = (rows: readonly Doc[]): readonly Doc[] => rows.filter((row) => JSON.stringify(row) !== same);
    const excluded = this.#excludes ? 1 : 0;
    if (this.#pool.length < shots + excluded) {
      throw dataError({ file: this.#task.file, field: 'num_fewshot' }, `expected at most ${this.#pool.length - excluded}, the examples that there are, came ${shots}`);
    }
    if (this.#task.fewshot.sampler === 'first_n') return (this.#excludes ? others(this.#pool) : this.#pool).slice(0, shots);
    const drawn = this.#random.sample(this.#pool, shots + excluded);
    const kept = this.#excludes ? others(drawn).slice(0, shots) : drawn;
    return kept.length === shots ? kept : this.#random.sample(others(this.#pool), shots);
  }

  #plain(field: Field | undefined): boolean {
    return typeof field === 'string' && this.#features.has(field);
  }

  #field(doc: Doc, field: Field | undefined, name: string): unknown {
    if (field === undefined) throw dataError({ file: this.#task.file, field: name }, 'expected it, came nothing. This kind of task needs it');
    if (isFunction(field)) return this.call(field.functionName, doc);
    if (typeof field !== 'string') return field;
    return this.#features.has(field) ? doc[field] : this.#template(field, name).render(doc);
  }

  #resolve(doc: Doc, text: string): string {
    return Object.hasOwn(doc, text) ? String(doc[text]) : this.#template(text, 'description').render(doc);
  }

  /** Calls the function that stands for a Python one. */
  call(name: string, ...args: readonly unknown[]): unknown {
    const own = this.#functions[name];
    if (own !== undefined) return own(...args as never[]);
    throw dataError({ file: this.#task.file }, `names the Python function "${name}", which cannot be run. Write it in TypeScript: as an export of ${name.split('.').slice(0, -1).join('/')}.ts beside the task, or in code as functions: { '${name}': (doc) => … }`);
  }

  #template(text: string, field: string): TaskTemplate {
    let template = this.#templates.get(text);
    if (template === undefined) this.#templates.set(text, template = new TaskTemplate(text, { file: this.#task.file, field }));
    return template;
  }
}

function needsDelimiter(before: string, after: string): boolean {
  return before !== '' && !(endsWithSpace(before) || startsWithSpace(after));
}

/** Both texts, with a delimiter where neither has white space at the seam. */
function joined(before: string, after: string, delimiter: string): string {
  return before === '' || after === '' ? before + after : before + (needsDelimiter(before, after) ? delimiter : '') + after;
}

/** What is asked, and what is answered or how the answer begins. */
function turn(asked: string, told: string | undefined, { prefix, delimiter, after }: { readonly prefix: string; readonly delimiter: string; readonly after: string }): readonly Message[] {
  const apart = prefix === '' ? told !== undefined : needsDelimiter(asked, prefix);
  const user: Message = { role: 'user', content: asked, delimiter: apart ? delimiter : '' };
  if (told !== undefined) return [user, { role: 'assistant', content: joined(prefix, told, ' '), delimiter: after }];
  return prefix === '' ? [user] : [user, { role: 'assistant', content: prefix, delimiter: '' }];
}
