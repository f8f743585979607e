// YAML text and `--set` overrides to a checked configuration. Every complaint says what was expected, what came and
// where: file, line and column, or the override.

import { readFile } from 'node:fs/promises';
import { LineCounter, isMap, isNode, parse as parseYaml, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { EngineError } from '../../errors.js';
import { configFields, configKeys } from './fields.js';
import { configSchema } from './schema.js';
import type { Config } from './schema.js';
import { suggestKey } from './suggest.js';

export interface ParseOptions {
  /** For messages. */
  readonly file?: string;
  /** `key=value` texts, applied in order over the file. */
  readonly set?: readonly string[];
}

type Plain = Record<string, unknown>;
type Place = { readonly file?: string; readonly line?: number; readonly column?: number };

/** Reads and checks a configuration file. Rejects with ERR_CONFIG. */
export async function readConfig(file: string, set: readonly string[] = []): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new EngineError(
      missing ? `${file}: no such file. Give the path of a configuration, or write one with: whetstone init`
        : `${file}: cannot be read (${(error as Error).message})`,
      { code: 'ERR_CONFIG', file }, { cause: error });
  }
  return parseConfig(text, { file, set });
}

/** Checks a configuration text. Throws ERR_CONFIG. */
export function parseConfig(text: string, options: ParseOptions = {}): Config {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const at = (offset: number | undefined): Place => {
    if (offset === undefined) return { file: options.file };
    const { line, col } = counter.linePos(offset);
    return { file: options.file, line, column: col };
  };
  const broken = document.errors[0];
  if (broken) throw complaint(at(broken.pos[0]), undefined, `the file is not valid YAML: ${broken.message}`);
  const value: unknown = withoutNulls(document.toJS() ?? {});
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw complaint(at(0), undefined, 'expected keys and values, such as "model: models/pebble"');
  }
  const overridden = new Set((options.set ?? []).map((text) => override(value as Plain, text)));
  return check(value, (path, ofKey) => {
    const key = path.join('.');
    const source = [...overridden].find((name) => key === name || key.startsWith(`${name}.`));
    return source === undefined ? at(offsetOf(document, path, ofKey)) : { file: `--set ${source}` };
  });
}

/** Checks a plain object, as the library's `train` gets it. Throws ERR_CONFIG. */
export function checkConfig(value: unknown): Config {
  return check(value, () => ({}));
}

function check(value: unknown, place: (path: readonly (string | number)[], ofKey: boolean) => Place): Config {
  const result = configSchema.safeParse(value, { reportInput: true });
  if (result.success) return finish(result.data);
  const problems = result.error.issues.flatMap((issue) => {
    const path = issue.path as (string | number)[];
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((name) => {
        const key = [...path, name].join('.');
        const near = suggestKey(key, configKeys());
        return complaint(place([...path, name], true), key, `there is no key ${key}` + (near ? `; did you mean ${near}?` : ''));
      });
    }
    const absent = issue.input === undefined;
    const came = absent ? 'it is missing' : `got ${JSON.stringify(issue.input)}`;
    return [complaint(place(path, false), path.join('.'), `${wanted(issue.message)}, ${came}`)];
  });
  const first = problems[0]!;
  if (problems.length === 1) throw first;
  throw new EngineError(problems.map((problem) => problem.message).join('\n'), first.details, { cause: first });
}

/** A key with nothing after it, such as a section whose keys are all commented out, counts as absent. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null).map(([key, inner]) => [key, withoutNulls(inner)]));
}

/** zod's words without what we say ourselves. */
function wanted(message: string): string {
  const text = message.replace(/^Invalid input: /, '').replace(/, received .*$/, '').replace(/^Invalid option: /, '')
    .replace(/^Too (small|big): /, '').replace('number to be ', 'a number ').replace('int to be ', 'a whole number ');
  return text.replace(/^expected int$/, 'expected a whole number').replace(/^expected object$/, 'expected a section with keys')
    .replace(/^expected (array|tuple)\b/, 'expected a list').replace(/^expected (string|number|boolean)$/, 'expected a $1');
}

function finish(config: Config): Config {
  return { ...config, lora: { ...config.lora, alpha: config.lora.alpha ?? 2 * config.lora.r } };
}

function complaint(place: Place, key: string | undefined, problem: string): EngineError<Extract<EngineError['details'], { code: 'ERR_CONFIG' }>> {
  const where = place.file === undefined ? '' : place.line === undefined ? `${place.file}: ` : `${place.file}:${place.line}:${place.column}: `;
  const named = key === undefined || problem.includes(key) || place.file?.startsWith('--set ') ? problem : `${key}: ${problem}`;
  return new EngineError(`${where}${named}`, { code: 'ERR_CONFIG', ...(key === undefined ? {} : { key }), ...place });
}

function offsetOf(document: Document.Parsed, path: readonly (string | number)[], ofKey: boolean): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(path[length - 1])) : undefined;
    if (pair && (ofKey || length < path.length) && isNode(pair.key)) return pair.key.range?.[0];
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node.range?.[0];
    if (pair && isNode(pair.key)) return pair.key.range?.[0];
  }
  return 0;
}

/** Applies `key=value` and returns the key. The value is YAML, or the bare text where the schema wants a text. */
function override(target: Plain, text: string): string {
  const split = text.indexOf('=');
  if (split <= 0) throw complaint({ file: `--set ${text}` }, undefined, 'expected key=value, such as --set train.epochs=3');
  const key = text.slice(0, split).trim();
  const raw = text.slice(split + 1);
  const field = configFields().find((candidate) => candidate.key === key);
  if (field === undefined && !/^lora\.(rank|alpha)Pattern\./.test(key)) {
    const near = suggestKey(key, configFields().map((candidate) => candidate.key));
    throw complaint({ file: `--set ${text}` }, key, `there is no key ${key}` + (near ? `; did you mean ${near}?` : ''));
  }
  let value: unknown = raw;
  try {
    const parsed: unknown = parseYaml(raw);
    if (field === undefined || field.schema.safeParse(parsed).success || !field.schema.safeParse(raw).success) value = parsed;
  } catch {
    value = raw; // not YAML: a text such as a regular expression
  }
  const parts = /^lora\.(rank|alpha)Pattern\./.test(key) ? ['lora', key.split('.')[1]!, key.split('.').slice(2).join('.')] : key.split('.');
  let node = target;
  for (const part of parts.slice(0, -1)) {
    if (typeof node[part] !== 'object' || node[part] === null) node[part] = {};
    node = node[part] as Plain;
  }
  node[parts.at(-1)!] = value;
  return key;
}
