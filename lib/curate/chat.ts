// What is wrong with the answers of a chat row, beyond what filters for web pages see: refusals, empty and cut-off answers, echoes,
// another language, broken Markdown and JSON, tokens of a template that leaked, phrases of assistants.
import { languageMismatch } from './language.js';
import { exchangesOf } from './turns.js';
import type { Exchange, Turn } from './turns.js';

export type ChatCheck =
  | 'no_answer' | 'empty_answer' | 'truncated_answer' | 'refusal' | 'answer_is_question' | 'wrong_language' | 'broken_markdown'
  | 'broken_json' | 'template_tokens' | 'boilerplate';

export interface ChatFinding {
  readonly check: ChatCheck;
  /** What was seen, in a few words. */
  readonly seen: string;
}

const REFUSAL = new RegExp(
  '^[\\s"\'*]*(?:(?:i[\'’]?m|i am|we are|we[\'’]re) (?:(?:very|so|really|truly) )?(?:sorry|afraid)|sorry|(?:my )?apolog(?:ies|ize)|i apologize|unfortunately)?[,.;:!\\s—-]*' +
  '(?:but )?(?:as an ai[^.]{0,60}?,? )?(?:that )?(?:i|we)(?:[\'’]?m| am)? ?(?:just |simply )?' +
  '(?:can(?:[\'’]?t|not| not)|could(?:n[\'’]?t| not)|won[\'’]?t|will not|unable to|not able to|not comfortable|must decline|have to decline|decline to)\\b' +
  '[^.\\n]{0,40}?\\b(?:help|assist|fulfil|fulfill|provide|comply|answer|do that|do this|support|engage|generate|create|discuss|continue|share|participate|write|complete|with that|with this|request)', 'i');
const REFUSAL_ELSEWHERE = /^.{0,200}?\b(?:i (?:cannot|can[’']?t|am unable to|[’']m unable to) (?:fulfill|fulfil|comply with|assist with|help with) (?:this|that|your|the) ?(?:request)?|it is against my (?:programming|guidelines|policy)|violates? (?:my|our|openai[’']?s?) (?:guidelines|policies|policy|content))/is;
const BOILERPLATE = /\bas an? (?:ai|artificial intelligence)(?:[ -](?:language model|assistant|model|chatbot))?\b|\bi[’']?m (?:just |only )?an? (?:ai|language model)\b|\bmy (?:knowledge|training)(?: data)? (?:cut-?off|only goes)|\bas of my (?:last|latest|most recent) (?:update|knowledge|training)|\b(?:i hope (?:this|that) helps|(?:please )?(?:feel free|don[’']t hesitate) to (?:ask|reach out|let me know)|is there anything else (?:i can|you)|let me know if (?:you (?:have|need)|there[’']s))[^.\n]{0,80}[.!?]?\s*$/i;
const TEMPLATE = /<\|[a-z][a-z0-9_ -]{1,40}\|>|\[\/?INST\]|<<\/?SYS>>|(?:^|\n)<s>(?=\s|$|\[)|<\/s>\s*$(?![\s\S])|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|<｜[^｜>]{1,30}｜>|^###? ?(?:Instruction|Response|Human|Assistant|User|Input|Output):?\s*$|^(?:Human|Assistant|USER|ASSISTANT): |\{\{ ?(?:message|content|prompt|instruction|output|input)[\w.]* ?\}\}|\{%-? |(?:^|\s)<\/?(?:assistant|human)>/m;
const NOTHING = /^[\s"'`]*(?:n\/?a|none|null|nil|undefined|nan|todo|tbd|no (?:answer|output|response)|<no ?input>|\[?(?:empty|blank)\]?|-+|\.+|…|\?+)?[\s"'`.]*$/i;

const plain = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();

/** Ends in the middle of a sentence: prose of some length whose last line stops at a word or a comma. */
function isTruncated(text: string): boolean {
  const end = text.trimEnd();
  if (end.length < 120) return false;
  const last = end.slice(end.lastIndexOf('\n') + 1);
  if (/^\s*(?:[-*+•|>#]|\d+[.)]|```)/.test(last) || /```|[{};=<>]|https?:\/\/\S+$/.test(last)) return false;
  // Dialogue in capitals, verse and lists of names end without a stop; a long line of sentences does not.
  return last.split(/\s+/).length >= 8 && /[a-zà-öø-ÿ]{2}[.!?] /.test(end) && /[\p{Ll},;:(–—-]$/u.test(end);
}

function brokenJson(question: string, text: string): string | undefined {
  const blocks = [...text.matchAll(/```json\s*\n([\s\S]*?)```/gi)].map((match) => match[1]!);
  const whole = text.trim();
  if (blocks.length === 0 && /^(?:\{\s*"|\[\s*[[{"\d])/.test(whole) && (/[}\]]$/.test(whole) || /\bjson\b/i.test(question))) blocks.push(whole);
  for (const block of blocks) {
    try {
      JSON.parse(block);
    } catch (error) {
      // Several values in a row are JSON lines.
      const lines = block.trim().split('\n');
      if (lines.length > 1 && lines.every((line) => isJson(line))) continue;
      return (error as Error).message.slice(0, 80);
    }
  }
  return undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function brokenMarkdown(text: string): string | undefined {
  let fence: string | undefined;
  for (const [, mark] of text.matchAll(/^ {0,3}(`{3,}|~{3,})/gm)) {
    if (fence === undefined) fence = mark!;
    else if (mark![0] === fence[0] && mark!.length >= fence.length) fence = undefined;
  }
  if (fence !== undefined) return 'a code block is not closed';
  const prose = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
  if (/\]\([^()\s]*$/.test(prose.trimEnd())) return 'a link is not closed';
  const rows = prose.split('\n').filter((line) => /^\s*\|.*\|\s*$/.test(line));
  const rule = rows.findIndex((line) => /^\s*\|(?:\s*:?-+:?\s*\|)+\s*$/.test(line));
  if (rule === 1) {
    const cells = (line: string): number => line.trim().replace(/\\\|/g, '').split('|').length;
    if (cells(rows[0]!) !== cells(rows[1]!)) return 'a table has another number of columns than its head';
  }
  return undefined;
}

function inExchange({ question, answer }: Exchange, add: (check: ChatCheck, seen: string) => void): void {
  const { text, calls } = answer;
  if (NOTHING.test(text)) {
    if (!calls) add('empty_answer', text.trim() === '' ? 'nothing' : text.trim().slice(0, 40));
    return;
  }
  const refusal = (REFUSAL.exec(text.slice(0, 400)) ?? REFUSAL_ELSEWHERE.exec(text.slice(0, 400)))?.[0];
  if (refusal !== undefined) add('refusal', refusal.trim().slice(0, 80));
  const asked = plain(question);
  if (asked.length > 8 && asked === plain(text)) add('answer_is_question', text.slice(0, 60));
  if (isTruncated(text)) add('truncated_answer', `… ${text.trimEnd().slice(-40)}`);
  const json = brokenJson(question, text);
  if (json !== undefined) add('broken_json', json);
  const markdown = brokenMarkdown(text);
  if (markdown !== undefined) add('broken_markdown', markdown);
  const boilerplate = BOILERPLATE.exec(text)?.[0];
  if (boilerplate !== undefined) add('boilerplate', boilerplate.trim().slice(0, 60));
  const languages = languageMismatch(question, text);
  if (languages !== undefined) add('wrong_language', `question in ${languages.question}, answer in ${languages.answer}`);
}

/** Everything that is wrong with the turns of one row; each check once. */
export function checkChat(turns: readonly Turn[], checks?: readonly ChatCheck[]): readonly ChatFinding[] {
  if (turns.length === 0) return [];
  const found = new Map<ChatCheck, string>();
  const add = (check: ChatCheck, seen: string): void => {
    if ((checks === undefined || checks.includes(check)) && !found.has(check)) found.set(check, seen);
  };
  const exchanges = exchangesOf(turns);
  if (exchanges.length === 0) add('no_answer', `${turns.length} turns, none of the assistant`);
  for (const turn of turns) {
    const token = turn.role === 'tool' ? undefined : TEMPLATE.exec(turn.text)?.[0];
    if (token !== undefined) add('template_tokens', token.trim());
  }
  for (const exchange of exchanges) inExchange(exchange, add);
  return [...found].map(([check, seen]) => ({ check, seen }));
}

/** How good a row is next to its duplicates: longer answers up to a point, ended properly, not repeating themselves. */
export function rowScore(text: string, answer: string): number {
  const words = (answer === '' ? text : answer).split(/\s+/, 600);
  const variety = new Set(words.slice(0, 200)).size / Math.min(200, words.length);
  return Math.log2(1 + Math.min(words.length, 500)) / 9 + 0.3 * variety + (/[.!?。！？"'”)\]}`]\s*$/.test(text) ? 0.2 : 0);
}
