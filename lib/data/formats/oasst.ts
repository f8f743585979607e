// OpenAssistant's trees of messages: whole trees in one row, or one message a row, neighbours by tree. A tree becomes its
// best-ranked threads, or pairs of answers that people ranked.
import { dataError, describe } from '../../errors.js';
import type { ChatMessage, DataRecord } from '../../record.js';
import type { RawRow } from '../source.js';
import { RowFields } from './fields.js';

interface Node {
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** 0: the best answer. */
  readonly rank: number | undefined;
  readonly replies: Node[];
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value);
const isRole = (value: unknown): boolean => value === 'prompter' || value === 'assistant';

/** How surely a row is a tree, or a message of one. */
export function sureOfTree({ value }: RawRow): number {
  if (isPlain(value.prompt) && isRole(value.prompt.role)) return 0.99;
  return isFlat(value) ? 0.99 : 0;
}

function isFlat(value: Plain): boolean {
  return typeof value.message_id === 'string' && typeof value.text === 'string' && isRole(value.role) && Object.hasOwn(value, 'parent_id');
}

/** The tree that a row belongs to; rows of one tree are neighbours. */
export function treeOf({ value }: RawRow): string | undefined {
  return isFlat(value) ? String(value.message_tree_id ?? '') : undefined;
}

/** All records of the rows of one tree. */
export function readTree(rows: readonly RawRow[], pairs: boolean): DataRecord[] {
  const first = rows[0] as RawRow;
  const { file, row, index } = first;
  const root = isPlain(first.value.prompt) ? nested(first, first.value.prompt, 'prompt') : flat(rows);
  if (root === undefined) return [];
  const origin = { file, row, index };
  const found = pairs ? comparisons(root) : threads(root);
  return found.map((part) => ({ ...origin, ...part }) as DataRecord);
}

function usable(value: Plain): boolean {
  return value.deleted !== true && value.review_result !== false;
}

function node(raw: RawRow, value: Plain, field: string): Node {
  const { file, row } = raw;
  if (!isRole(value.role) || typeof value.text !== 'string') {
    throw dataError({ file, row, field }, `expected {"role": "prompter" or "assistant", "text": …}, came ${describe(value)}`);
  }
  return {
    role: value.role === 'prompter' ? 'user' : 'assistant',
    text: new RowFields(raw).checkText(value.text, `${field}.text`),
    rank: typeof value.rank === 'number' && Number.isFinite(value.rank) ? value.rank : undefined,
    replies: [],
  };
}

function nested(raw: RawRow, value: Plain, field: string): Node | undefined {
  if (!usable(value)) return undefined;
  const own = node(raw, value, field);
  const replies = Array.isArray(value.replies) ? value.replies : [];
  replies.forEach((reply: unknown, i) => {
    if (!isPlain(reply)) throw dataError({ file: raw.file, row: raw.row, field: `${field}.replies[${i}]` }, `expected a message, came ${describe(reply)}`);
    const child = nested(raw, reply, `${field}.replies[${i}]`);
    if (child !== undefined) own.replies.push(child);
  });
  return own;
}

function flat(rows: readonly RawRow[]): Node | undefined {
  const nodes = new Map<string, Node>();
  let root: Node | undefined;
  const left = new Set<unknown>();
  for (const raw of rows) {
    const { message_id: id, parent_id: parent } = raw.value;
    // With a message go all replies to it.
    if (!usable(raw.value) || left.has(parent)) {
      left.add(id);
      continue;
    }
    const own = node(raw, raw.value, 'message');
    nodes.set(id as string, own);
    if (parent === null || parent === undefined || parent === '') root = own;
    else {
      const above = nodes.get(parent as string);
      if (above === undefined) {
        throw dataError(
          { file: raw.file, row: raw.row, field: 'parent_id' },
          `expected the message ${describe(parent)} before its replies, in the rows beside them. Sort the rows by tree, parents first`,
        );
      }
      above.replies.push(own);
    }
  }
  return root;
}

/** Ranked ones first, in their order. */
function ranked(replies: readonly Node[]): Node[] {
  return [...replies].sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || 0);
}

/**
 * Every thread that follows the best answer at each turn; where people went on differently, one thread each. What an
 * earlier thread of the tree has already taught is context in the later ones.
 */
function threads(root: Node): { kind: 'messages'; messages: readonly ChatMessage[] }[] {
  const found: { kind: 'messages'; messages: readonly ChatMessage[] }[] = [];
  const learned = new Set<Node>();
  const walk = (path: readonly Node[]): void => {
    const last = path.at(-1) as Node;
    const next = last.role === 'user' ? ranked(last.replies).filter(({ role }) => role === 'assistant').slice(0, 1)
      : last.replies.filter(({ role, replies }) => role === 'user' && replies.some((reply) => reply.role === 'assistant'));
    if (next.length > 0) return next.forEach((reply) => walk([...path, reply]));
    const end = last.role === 'assistant' ? path : path.slice(0, -1);
    if (!end.some((message) => message.role === 'assistant' && !learned.has(message))) return;
    found.push({
      kind: 'messages',
      messages: end.map((message) => ({ role: message.role, content: message.text, ...(learned.has(message) ? { weight: 0 } : {}) })),
    });
    for (const message of end) if (message.role === 'assistant') learned.add(message);
  };
  walk([root]);
  return found;
}

/** Of every two ranked answers to one prompt, the better against the worse. */
function comparisons(root: Node): { kind: 'preference'; prompt: ChatMessage[]; chosen: ChatMessage[]; rejected: ChatMessage[] }[] {
  const found: { kind: 'preference'; prompt: ChatMessage[]; chosen: ChatMessage[]; rejected: ChatMessage[] }[] = [];
  const message = ({ role, text }: Node): ChatMessage => ({ role, content: text });
  const walk = (path: readonly Node[]): void => {
    const last = path.at(-1) as Node;
    const answers = ranked(last.replies).filter(({ role, rank }) => role === 'assistant' && rank !== undefined);
    if (last.role === 'user') {
      answers.forEach((better, i) => {
        for (const worse of answers.slice(i + 1)) {
          if (worse.rank !== better.rank)
            found.push({ kind: 'preference', prompt: path.map(message), chosen: [message(better)], rejected: [message(worse)] });
        }
      });
    }
    for (const reply of last.replies) walk([...path, reply]);
  };
  walk([root]);
  return found;
}
