// Checks a list of chat messages and brings it into our shape.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, Role } from '../../record.js';
import { checkWeight, type RowFields } from './fields.js';

const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'];
/** Other names for the same speakers, as common data sets write them. */
const ALIASES: Readonly<Record<string, Role>> = {
  developer: 'system',
  human: 'user',
  gpt: 'assistant',
  model: 'assistant',
  function: 'tool',
};

/** `value` is a list of messages, or JSON text of one (as CSV and some Parquet files hold it). */
export function readMessages(fields: RowFields, value: unknown, field: string): ChatMessage[] {
  const { file, row } = fields.raw;
  const list = parseJson(value);
  if (!Array.isArray(list)) {
    throw dataError(
      { file, row, field },
      `expected a list of messages [{"role": "user", "content": "…"}, …], came ${describe(value)}`,
    );
  }
  if (list.length === 0)
    throw dataError({ file, row, field }, 'expected at least one message, came an empty list. Remove the row');
  return list.map((message, at) => readMessage(fields, message, `${field}[${at}]`));
}

/** `tools` as a list of JSON schemas, or JSON text of one. */
export function readTools(fields: RowFields): readonly unknown[] | undefined {
  const value = fields.get('tools');
  if (value === undefined || value === null || value === '') return undefined;
  const list = parseJson(value);
  if (!Array.isArray(list))
    throw fields.error('tools', `expected a list of tool descriptions, came ${describe(value)}`);
  return list.length === 0 ? undefined : list;
}

function readMessage(fields: RowFields, message: unknown, field: string): ChatMessage {
  const { file, row } = fields.raw;
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw dataError({ file, row, field }, `expected {"role": …, "content": …}, came ${describe(message)}`);
  }
  const { role: given, content: body, weight, ...rest } = message as Record<string, unknown>;
  const role = typeof given === 'string' ? (ROLES.includes(given) ? (given as Role) : ALIASES[given]) : undefined;
  if (role === undefined) {
    throw dataError(
      { file, row, field: `${field}.role` },
      `expected one of ${ROLES.join(', ')}, came ${describe(given)}`,
    );
  }
  const extra = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined));
  if (Array.isArray(extra.tool_calls)) {
    if (extra.tool_calls.length === 0) delete extra.tool_calls;
    else extra.tool_calls = extra.tool_calls.map(openArguments);
  }
  const result = {
    role,
    content: readContent(fields, body, `${field}.content`, extra.tool_calls !== undefined),
    ...(weight === undefined || weight === null
      ? {}
      : { weight: checkWeight(weight, { file, row, field: `${field}.weight` }) }),
  };
  return Object.keys(extra).length === 0 ? result : { ...result, extra };
}

function readContent(fields: RowFields, body: unknown, field: string, hasCalls: boolean): string | null {
  const { file, row } = fields.raw;
  if (typeof body === 'string') return fields.checkText(body, field);
  if ((body === null || body === undefined) && hasCalls) return null;
  if (Array.isArray(body)) {
    return body
      .map((part: unknown, at) => {
        const { type, text } = (typeof part === 'object' && part !== null ? part : {}) as {
          type?: unknown;
          text?: unknown;
        };
        if (type !== 'text' || typeof text !== 'string') {
          throw dataError(
            { file, row, field: `${field}[${at}]` },
            'expected {"type": "text", "text": "…"}, came ' +
              `${describe(type === undefined || type === 'text' ? part : type)}. Only text can be learned`,
          );
        }
        return fields.checkText(text, `${field}[${at}].text`);
      })
      .join('');
  }
  throw dataError({ file, row, field }, `expected text, or a list of parts of type text, came ${describe(body)}`);
}

/** OpenAI writes a call's arguments as JSON text, chat templates expect the object. */
function openArguments(call: unknown): unknown {
  if (typeof call !== 'object' || call === null) return call;
  const { function: named } = call as { function?: { arguments?: unknown } };
  if (typeof named?.arguments !== 'string') return call;
  const object = parseJson(named.arguments);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) return call;
  return { ...call, function: { ...named, arguments: object } };
}

function parseJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
