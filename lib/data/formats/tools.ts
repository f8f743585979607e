// Calls of tools as OpenAI, its older form, ShareGPT and Anthropic write them, brought into the one shape that chat
// templates know: {"type": "function", "id", "function": {"name", "arguments": {…}}}. Arguments stay the JSON that they are.
import { dataError, describe } from '../../errors.js';
import { parseExact } from '../exact.js';
import type { RowFields } from './fields.js';

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `tools` as a list of JSON schemas, or JSON text of one; the older `functions` and Anthropic's `input_schema` too. */
export function readTools(fields: RowFields): readonly unknown[] | undefined {
  const given = fields.exact('tools');
  const older = given === undefined ? oldForm(fields, 'functions') : undefined;
  const value = given ?? older;
  if (value === undefined || value === null || value === '') return undefined;
  const list = parseJson(value);
  if (!Array.isArray(list)) throw fields.error('tools', `expected a list of tool descriptions, came ${describe(value)}`);
  if (list.length === 0) return undefined;
  return list.map((tool: unknown) => {
    if (!isPlain(tool)) return tool;
    if (older !== undefined) return { type: 'function', function: tool };
    if (tool.input_schema === undefined || tool.function !== undefined) return tool;
    const { name, description, input_schema: parameters } = tool;
    return { type: 'function', function: { name, ...(description === undefined ? {} : { description }), parameters } };
  });
}

function oldForm(fields: RowFields, name: string): unknown {
  return Object.hasOwn(fields.raw.value, name) ? fields.raw.value[name] : undefined;
}

/** The calls of a message, if it has any. */
export function readCalls(fields: RowFields, message: Plain, field: string): readonly unknown[] | undefined {
  const { file, row } = fields.raw;
  const calls = message.tool_calls ?? (isPlain(message.function_call) ? [{ type: 'function', function: message.function_call }] : undefined);
  if (calls === undefined || calls === null) return undefined;
  if (!Array.isArray(calls)) {
    throw dataError({ file, row, field: `${field}.tool_calls` }, `expected a list of calls, came ${describe(calls)}`);
  }
  return calls.length === 0 ? undefined : calls.map(openArguments);
}

/** OpenAI writes a call's arguments as JSON text, chat templates expect the object. */
function openArguments(call: unknown): unknown {
  if (!isPlain(call)) return call;
  const { function: named } = call as { function?: { arguments?: unknown } };
  if (typeof named?.arguments !== 'string') return call;
  const object = parseJson(named.arguments);
  return isPlain(object) ? { ...call, function: { ...named, arguments: object } } : call;
}

/** A ShareGPT call: JSON text {"name", "arguments"}, or a list of them. */
export function callsOfText(fields: RowFields, text: unknown, field: string): readonly unknown[] {
  const value = parseJson(text);
  const list = Array.isArray(value) ? value : [value];
  return list.map((call: unknown) => {
    if (!isPlain(call) || typeof call.name !== 'string') {
      const { file, row } = fields.raw;
      throw dataError({ file, row, field }, `expected a call {"name": …, "arguments": …} as JSON text, came ${describe(text)}`);
    }
    return openArguments({ type: 'function', function: { name: call.name, arguments: call.arguments ?? {} } });
  });
}

/** What an Anthropic message holds beside text: calls of the assistant, results of tools, thoughts. */
export interface AnthropicParts {
  readonly calls: readonly unknown[];
  readonly results: readonly { readonly id: unknown; readonly content: unknown }[];
  readonly thoughts: string;
  readonly rest: readonly unknown[];
}

export function anthropicParts(parts: readonly unknown[]): AnthropicParts {
  const calls: unknown[] = [];
  const results: { id: unknown; content: unknown }[] = [];
  const rest: unknown[] = [];
  let thoughts = '';
  for (const part of parts) {
    if (!isPlain(part)) rest.push(part);
    else if (part.type === 'tool_use') calls.push({ type: 'function', id: part.id, function: { name: part.name, arguments: part.input ?? {} } });
    else if (part.type === 'tool_result') results.push({ id: part.tool_use_id, content: part.content ?? '' });
    else if (part.type === 'thinking' && typeof part.thinking === 'string') thoughts += part.thinking;
    else rest.push(part);
  }
  return { calls, results, thoughts, rest };
}

export function parseJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return parseExact(value);
  } catch {
    return value;
  }
}
