// Jinja as evaluation tasks use it: values print as in Python, the last line end stays, and a name that the row lacks is
// an error instead of nothing.

import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { dataError } from '../../errors.js';
import type { Place } from '../../errors.js';
import { pythonText } from './python.js';

export type Doc = Readonly<Record<string, unknown>>;

interface Runtime {
  readonly type: string;
  readonly value: unknown;
}
type Node = { readonly type: string } & Readonly<Record<string, unknown>>;
/** The methods that are replaced; the package's version is pinned. */
interface Internals {
  evaluate(node: unknown, environment: Environment): Runtime;
  evaluateBlock(statements: readonly Node[], environment: Environment): Runtime;
  evaluateMemberExpression(node: Node, environment: Environment): Runtime;
}

const STATEMENTS = new Set(['Set', 'If', 'For', 'Macro', 'Comment', 'Break', 'Continue', 'CallStatement', 'FilterStatement']);

export class TaskTemplate {
  readonly #body: readonly Node[];
  readonly #program: ReturnType<typeof parse>;

  /** `place` is for messages: the file and the key that the template stands in. */
  constructor(readonly text: string, readonly place: Place) {
    try {
      // The empty expression keeps a line end at the end of the template.
      this.#program = parse(tokenize(`${text}{{ '' }}`));
    } catch (error) {
      throw dataError(place, `expected a Jinja template, came one that cannot be read: ${(error as Error).message}. Correct it`, { cause: error });
    }
    this.#body = (this.#program as unknown as { body: readonly Node[] }).body;
  }

  /** The text for a row. */
  render(doc: Doc): string {
    return this.#with(doc, (interpreter, environment) => String(interpreter.evaluateBlock(this.#body, environment).value));
  }

  /** The value of a template that is one expression, `{{ … }}`; undefined for any other. */
  value(doc: Doc): { readonly value: unknown } | undefined {
    const [first, ...rest] = this.#body;
    if (rest.length !== 1 || first === undefined || STATEMENTS.has(first.type) || !/^\s*\{\{/.test(this.text)) return undefined;
    return this.#with(doc, (interpreter, environment) => ({ value: this.#plain(interpreter.evaluate(first, environment)) }));
  }

  #with<T>(doc: Doc, use: (interpreter: Internals, environment: Environment) => T): T {
    const environment = new Environment();
    environment.set('range', (from: number, to?: number) => Array.from({ length: to === undefined ? from : to - from }, (_, i) => i + (to === undefined ? 0 : from)));
    for (const [name, value] of Object.entries({ True: true, False: false, None: null, true: true, false: false, none: null, ...doc })) environment.set(name, value);
    const interpreter = new Interpreter(environment) as unknown as Internals;
    const member = interpreter.evaluateMemberExpression.bind(interpreter);
    interpreter.evaluateMemberExpression = (node, scope) => this.#member(interpreter, node, scope, member);
    interpreter.evaluateBlock = (statements, scope) => this.#block(interpreter, statements, scope);
    try {
      return use(interpreter, environment);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ERR_DATA') throw error;
      throw dataError(this.place, `the template cannot be rendered: ${(error as Error).message}. It is ${JSON.stringify(this.text.slice(0, 200))}`, { cause: error });
    }
  }

  #block(interpreter: Internals, statements: readonly Node[], scope: Environment): Runtime {
    let text = '';
    for (const statement of statements) {
      const value = interpreter.evaluate(statement, scope);
      if (!STATEMENTS.has(statement.type)) text += pythonText(this.#plain(value));
      else if (value.type !== 'NullValue' && value.type !== 'UndefinedValue') text += String(value.value);
    }
    return environmentValue(text);
  }

  /** `index` and `count` of lists, which the engine lacks. */
  #member(interpreter: Internals, node: Node, scope: Environment, member: Internals['evaluateMemberExpression']): Runtime {
    const found = member(node, scope);
    const name = node.computed === true ? undefined : (node.property as { value?: unknown }).value;
    if (found.type !== 'UndefinedValue' || (name !== 'index' && name !== 'count')) return found;
    const object = interpreter.evaluate(node.object, scope);
    if (object.type !== 'ArrayValue' && object.type !== 'TupleValue') return found;
    const items = this.#plain(object) as readonly unknown[];
    return environmentValue((wanted: unknown) => {
      if (name === 'count') return items.filter((item) => item === wanted).length;
      const at = items.indexOf(wanted);
      if (at < 0) throw new Error(`${pythonText(wanted)} is not in the list`);
      return at;
    });
  }

  #plain(value: Runtime): unknown {
    switch (value.type) {
      case 'UndefinedValue':
        throw dataError(this.place, `the template ${JSON.stringify(this.text.slice(0, 200))} names something that the row lacks. Correct the name`);
      case 'ArrayValue': case 'TupleValue': return (value.value as readonly Runtime[]).map((item) => this.#plain(item));
      case 'ObjectValue': return Object.fromEntries([...(value.value as ReadonlyMap<string, Runtime>)].map(([key, item]) => [key, this.#plain(item)]));
      case 'FloatValue': return String(value) === String(value.value) ? value.value : String(value);
      default: return value.value;
    }
  }
}

function environmentValue(value: unknown): Runtime {
  return new Environment().set('value', value) as Runtime;
}
