// Checks a list of chat messages and brings it into our shape: OpenAI's, ShareGPT's and Anthropic's are told apart message
// by message.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, Role } from '../../record.js';
import type { RowFields } from './fields.js';
import { detailSpans, joinParts, TRAINING_FIELDS, trainingWeight } from './parts.js';
import { anthropicParts, callsOfText, parseJson, readCalls } from './tools.js';

export { readTools } from './tools.js';

const ROLES: readonly string[] = ['system', 'user', 'assistant', 'tool'];
/** Other names for the same speakers, as common data sets write them. */
const ALIASES: Readonly<Record<string, Role>> = {
  developer: 'system',
  human: 'user',
  prompter: 'user',
  gpt: 'assistant',
  model: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  function_call: 'assistant',
  function: 'tool',
  observation: 'tool',
  ipython: 'tool',
};
/** Thoughts by other names; chat templates read `reasoning_content`. */
const THOUGHTS = ['reasoning_content', 'reasoning', 'thinking'] as const;

/**
 * `value` is a list of messages, or JSON text of one (as CSV and some Parquet files hold it); calls of tools are taken
 * from `exact`, the same list with numbers and keys as they stand in the file.
 */
export function readMessages(fields: RowFields, value: unknown, field: string, exact: unknown = value): ChatMessage[] {
  const { file, row } = fields.raw;
  const list = parseJson(value);
  const exactList = typeof value === 'string' ? list : exact;
  if (!Array.isArray(list)) {
    throw dataError(
      { file, row, field },
      `expected a list of messages [{"role": "user", "content": "…"}, …], came ${describe(value)}`,
    );
  }
  if (list.length === 0)
    throw dataError({ file, row, field }, 'expected at least one message, came an empty list. Remove the row');
  return list.flatMap((message, at) => readMessage(fields, message, `${field}[${at}]`, (exactList as readonly unknown[])[at]));
}

/** A row's own system text comes before its messages. */
export function withSystem(fields: RowFields, messages: ChatMessage[]): ChatMessage[] {
  const system = fields.get('system');
  if (system === undefined || system === null || system === '' || messages[0]?.role === 'system') return messages;
  return [{ role: 'system', content: fields.text('system') }, ...messages];
}

function readMessage(fields: RowFields, message: unknown, field: string, exactMessage: unknown): ChatMessage[] {
  const { file, row } = fields.raw;
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw dataError({ file, row, field }, `expected {"role": …, "content": …}, came ${describe(message)}`);
  }
  const value = message as Record<string, unknown>;
  const roleField = fieldOf(fields, value, 'role', 'from');
  const contentField = fieldOf(fields, value, 'content', 'value');
  const given = value[roleField];
  const role = roleOf(fields, given);
  if (role === undefined) {
    const known = [...ROLES, ...Object.keys(fields.mapping.roles ?? {})].join(', ');
    throw dataError(
      { file, row, field: `${field}.${roleField}` },
      `expected one of ${known}, came ${describe(given)}. Say who that is (data.roles: {name: assistant})`,
    );
  }
  const skipped = new Set<string>([roleField, contentField, ...TRAINING_FIELDS, 'tool_calls', 'function_call', ...THOUGHTS]);
  const extra: Record<string, unknown> = Object.fromEntries(
    Object.entries(value).filter(([name, item]) => item !== null && item !== undefined && !skipped.has(name)),
  );
  const thoughts = THOUGHTS.map((name) => value[name]).find((text) => typeof text === 'string' && text !== '');
  if (thoughts !== undefined) extra.reasoning_content = fields.checkText(thoughts as string, `${field}.reasoning_content`);
  const weight = trainingWeight(fields, value, field);
  const whole = weight === undefined ? {} : { weight };
  let body = value[contentField];
  const exact = exactMessage as Record<string, unknown>;
  let calls = readCalls(fields, exact, field);
  if (given === 'function_call') {
    calls = callsOfText(fields, body, `${field}.${contentField}`);
    body = null;
  }
  if (Array.isArray(body)) {
    const special = anthropicParts(body);
    if (special.results.length > 0) return toolResults(fields, special, role, whole, field);
    if (special.calls.length > 0) calls = [...(calls ?? []), ...anthropicParts(exact[contentField] as readonly unknown[]).calls];
    if (special.thoughts !== '') extra.reasoning_content = fields.checkText(special.thoughts, `${field}.${contentField}`);
    body = special.rest.length === 0 && calls !== undefined ? null : special.rest;
  }
  if (calls !== undefined) extra.tool_calls = calls;
  const { content, spans } = readContent(fields, body, `${field}.${contentField}`, calls !== undefined);
  const detail = content === null ? undefined : detailSpans(fields, value, content, field);
  const kept = detail ?? spans;
  return [
    {
      role,
      content,
      ...whole,
      ...(kept === undefined || kept.length === 0 ? {} : { spans: kept }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    },
  ];
}

/** Anthropic puts the results of tools into a message of the user; each becomes a message of its own. */
function toolResults(
  fields: RowFields,
  { results, rest }: ReturnType<typeof anthropicParts>,
  role: Role,
  weight: { readonly weight?: number },
  field: string,
): ChatMessage[] {
  const messages: ChatMessage[] = results.map(({ id, content }) => ({
    role: 'tool',
    ...readContent(fields, content, `${field}.content`, false),
    ...(id === undefined ? {} : { extra: { tool_call_id: id } }),
  }));
  return rest.length === 0 ? messages : [...messages, { role, ...readContent(fields, rest, `${field}.content`, false), ...weight }];
}

function fieldOf(fields: RowFields, message: Readonly<Record<string, unknown>>, name: 'role' | 'content', other: string): string {
  const own = fields.mapping.fields?.[name];
  if (own !== undefined) return own;
  return !Object.hasOwn(message, name) && Object.hasOwn(message, other) ? other : name;
}

export function roleOf(fields: RowFields, given: unknown): Role | undefined {
  if (typeof given !== 'string') return undefined;
  const mapped = fields.mapping.roles;
  if (mapped !== undefined && Object.hasOwn(mapped, given)) return mapped[given];
  if (ROLES.includes(given)) return given as Role;
  return Object.hasOwn(ALIASES, given) ? ALIASES[given] : undefined;
}

function readContent(
  fields: RowFields,
  body: unknown,
  field: string,
  hasCalls: boolean,
): Pick<ChatMessage, 'content' | 'spans'> {
  const { file, row } = fields.raw;
  if (typeof body === 'string') return { content: fields.checkText(body, field) };
  if ((body === null || body === undefined) && hasCalls) return { content: null };
  if (Array.isArray(body)) return joinParts(fields, body, field);
  throw dataError({ file, row, field }, `expected text, or a list of parts of type text, came ${describe(body)}`);
}
