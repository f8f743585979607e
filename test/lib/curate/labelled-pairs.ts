// A labelled set for near duplicates: families of a text and edited copies of it, hard negatives that share half of their
// words with a family, and strangers. Made from a seed; the true Jaccard similarity of any two is computed, not assumed.
import { Random } from '../../support/random.js';

export interface LabelledText {
  readonly text: string;
  /** Texts of one family are copies with edits; negatives and strangers are families of one. */
  readonly family: number;
}

const SYLLABLES = 'ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu ra re ri ro ru sa se si so su ta te ti to tu'.split(' ');

export function labelledTexts(families: number, seed: number): readonly LabelledText[] {
  const random = new Random(seed);
  const below = (n: number): number => Math.floor(random.uniform() * n);
  const vocabulary = Array.from({ length: 4000 }, () => Array.from({ length: 2 + below(3) }, () => SYLLABLES[below(SYLLABLES.length)]).join(''));
  const words = (count: number): string[] => Array.from({ length: count }, () => vocabulary[Math.floor(vocabulary.length * random.uniform() ** 2)]!);
  const out: LabelledText[] = [];
  let family = 0;
  for (let f = 0; f < families; f++) {
    const base = words(20 + below(180));
    out.push({ text: sentence(base), family });
    for (let copies = 1 + below(3); copies > 0; copies--) {
      const edited = [...base];
      // From no edit to one word in thirty: five-word shingles lose five times as much.
      for (let edits = below(1 + Math.ceil(base.length / 30)); edits > 0; edits--) edited[below(edited.length)] = words(1)[0]!;
      out.push({ text: decorate(sentence(edited), below(4)), family });
    }
    family++;
    const half = Math.floor(base.length / 2);
    out.push({ text: sentence([...base.slice(0, half), ...words(base.length - half)]), family: family++ });
    out.push({ text: sentence(words(20 + below(180))), family: family++ });
  }
  return out;
}

function sentence(words: readonly string[]): string {
  return words.map((word, at) => (at % 12 === 0 ? word[0]!.toUpperCase() + word.slice(1) : at % 12 === 11 ? `${word}.` : word)).join(' ');
}

/** Changes that no comparison should see: case, white space, punctuation. */
function decorate(text: string, how: number): string {
  if (how === 1) return text.toUpperCase();
  if (how === 2) return text.replace(/\. /g, '.\n\n');
  return how === 3 ? text.replace(/\./g, '!') : text;
}

/** Shingles as a preset takes them. */
export const SHINGLES = {
  datatrove: (text: string): Set<string> => grams(text.toLowerCase().replace(/[^a-z]+/g, ' ').trim().split(' '), 5, ' '),
  'data-juicer': (text: string): Set<string> => grams(text.toLowerCase().trim().split(/\s+/), 5, ' '),
  nemo: (text: string): Set<string> => grams([...text.toLowerCase()], 24, ''),
} as const;

function grams(items: readonly string[], size: number, joint: string): Set<string> {
  return new Set(items.slice(0, Math.max(1, items.length - size + 1)).map((_, at) => items.slice(at, at + size).join(joint)));
}

/** True Jaccard similarity of two sets. */
export function jaccard(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let both = 0;
  for (const shingle of left) if (right.has(shingle)) both++;
  return both / (left.size + right.size - both);
}
