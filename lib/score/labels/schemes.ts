// Reads entities out of tags. Leniently, as conlleval does: any change of type or a new B starts one. Strictly, by one
// of six schemes: only what the scheme allows counts. Both are seqeval's, with its answers for malformed tags.

import { invalid } from '../invalid.js';

export type TagScheme = 'IOB1' | 'IOE1' | 'IOB2' | 'IOE2' | 'IOBES' | 'BILOU';

export interface Entity {
  readonly type: string;
  /** First token. */
  readonly start: number;
  /** Lenient: last token. Strict: one past it. */
  readonly end: number;
}

const ends = (before: string, tag: string, same: boolean): boolean =>
  before === 'E' || before === 'S' ||
  ((before === 'B' || before === 'I') && (tag === 'B' || tag === 'S' || tag === 'O')) ||
  (before !== 'O' && before !== '.' && !same);

const starts = (before: string, tag: string, same: boolean): boolean =>
  tag === 'B' || tag === 'S' ||
  ((before === 'E' || before === 'S' || before === 'O') && (tag === 'E' || tag === 'I')) ||
  (tag !== 'O' && tag !== '.' && !same);

/** Entities of tags like B-PER. */
export function lenientEntities(tags: readonly string[]): readonly Entity[] {
  const found: Entity[] = [];
  let [before, beforeType, start] = ['O', '', 0];
  [...tags, 'O'].forEach((text, i) => {
    if (text === '') throw invalid(`tags[${i}]`, 'a tag like B-PER or O', text);
    const [first = ''] = text;
    const rest = text.slice(first.length);
    const dash = rest.indexOf('-');
    const type = (dash < 0 ? rest : rest.slice(dash + 1)) || '_';
    const same = beforeType === type;
    if (ends(before, first, same)) found.push({ type: beforeType, start, end: i - 1 });
    if (starts(before, first, same)) start = i;
    [before, beforeType] = [first, type];
  });
  return found;
}

interface Rules {
  readonly allowed: string;
  /** Tag before, tag now, and whether their types are equal (=), differ (!) or do not matter (*); * is any tag. */
  readonly start: string;
  readonly inside: string;
  readonly end: string;
}

const SCHEMES: Readonly<Record<TagScheme, Rules>> = {
  IOB1: { allowed: 'IOB', start: 'OI* II! BI* IB= BB=', inside: 'BI= II=', end: 'II! IO* IB* BO* BI! BB=' },
  IOE1: { allowed: 'IOE', start: 'OI* II! EI* EE=', inside: 'II= IE=', end: 'II! IO* IE! EI= EE=' },
  IOB2: { allowed: 'IOB', start: '*B*', inside: 'BI= II=', end: 'IO* II! IB* BO* BI! BB*' },
  IOE2: { allowed: 'IOE', start: 'OI* OE* EI* EE* II! IE!', inside: 'IE= II=', end: 'E**' },
  IOBES: { allowed: 'IOBES', start: '*B* *S*', inside: 'BI= BE= II= IE=', end: 'S** E**' },
  BILOU: { allowed: 'BILOU', start: '*B* *U*', inside: 'BI= BL= II= IL=', end: 'U** L**' },
};
export const TAG_SCHEMES = Object.keys(SCHEMES) as readonly TagScheme[];

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

function fits(rules: string, before: Tag, now: Tag): boolean {
  return rules.split(' ').some((rule) =>
    (rule[0] === '*' || rule[0] === before.prefix) && (rule[1] === '*' || rule[1] === now.prefix) &&
    (rule[2] === '*' || (rule[2] === '=') === (before.type === now.type)));
}

/** Entities that follow a scheme to the letter. */
export function strictEntities(texts: readonly string[], scheme: TagScheme): readonly Entity[] {
  const rules = SCHEMES[scheme];
  const tags = [...texts, 'O'].map((text, i): Tag => {
    const prefix = text[0] ?? '';
    if (prefix === '' || !rules.allowed.includes(prefix)) throw invalid(`tags[${i}]`, `a tag of ${scheme} (${[...rules.allowed].join(', ')})`, text);
    return { prefix, type: text.slice(1).replace(/^-+|-+$/g, '') || '_' };
  });
  const found: Entity[] = [];
  let before: Tag = tags.at(-1)!;
  for (let i = 0; i < tags.length;) {
    const tag = tags[i]!;
    if (fits(rules.start, before, tag)) {
      let end = i + 1;
      while (end < tags.length && fits(rules.inside, tags[end - 1]!, tags[end]!)) end++;
      end = Math.min(end, texts.length === 0 ? 0 : tags.length - 1);
      if (fits(rules.end, tags[end - 1]!, tags[end]!)) found.push({ type: tag.type, start: i, end });
      i = end;
    } else i++;
    before = tags[i - 1]!;
  }
  return found;
}
