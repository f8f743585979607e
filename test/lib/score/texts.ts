// The texts of reference/texts.py again, from the same seeds, so that fixtures hold only what the references answered.

const WORDS = ('the a an of to in and is was on he she they it that this with for as his her from at by not but had have which you ' +
  'were are been their has would what will there if can all some no man dog house bird woman child river forest market ' +
  'city night morning water stone garden window letter music story teacher doctor king queen soldier friend').split(' ');
const STEMS = ('relat condit nation hope argu general oper electr formal happi sky die lie try appl run stopp fall hiss fizz plast ' +
  'probat controll roll motor generic critic adjust depend adopt commun irrit replac activ angul homolog effect bowdler ' +
  'feed agre conflat troubl siz hopp tann sens digit').split(' ');
const ENDINGS = ['', 's', 'es', 'ed', 'ing', 'ational', 'tional', 'ization', 'izer', 'ation', 'ies', 'sses', 'ly', 'ness', 'fulness',
  'ousness', 'iveness', 'ality', 'iviti', 'biliti', 'alize', 'icate', 'ative', 'ful', 'al', 'ance', 'ence', 'er', 'ic',
  'able', 'ible', 'ant', 'ement', 'ment', 'ent', 'ion', 'ou', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize', 'eed', 'y', 'logi'];
const MARKS = ['.', ',', ';', ':', '!', '?', '"', "'", '-', '--', '...', '(', ')', '[', ']', '/', '%', '$', '&', "'s", '\u2019', '\u201c', '\u201d',
  '\u2014', '\u2026', '\u00ab', '\u00bb', '\u20ac', '+', '=', '<', '>', '^', '`', '_', '{', '}', '~', '|', '\\', '@', '#', '*'];
const NUMBERS = ['1', '12', '3.14', '1,000', '1.000,50', '2-3', '10%', '$5.00', '1990s', '3-year', '.5', '7,', '8.', '-9', '\u0663\u0664', '\u00bd', '\u2167', '\u00b2'];
const ACCENTS = ['\u00e9t\u00e9', 'na\u00efve', 'Stra\u00dfe', '\u00dcber', '\u0130stanbul', 'I\u015f\u0131k', '\u039f\u0394\u039f\u03a3', '\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2',
  'e\u0301te\u0301', '\u0416\u0438\u0437\u043d\u044c', '\u041c\u043e\u0441\u043a\u0432\u0430', 'Troms\u00f8', '\u0141\u00f3d\u017a', '\ufb01n', '\u01c5', 'A\u030angstr\u00f6m', 'CAF\u00c9', '\u212aelvin'];
const ASIAN = [...'\u7684\u4e00\u662f\u4e0d\u4e86\u4eba\u6211\u5728\u6709\u4ed6\u8fd9\u4e2d\u5927\u6765\u4e0a\u56fd\u4e2a\u5230\u8bf4\u4eec\uff0c\u3002\uff01\uff1f\u3001\u300c\u300d' +
  '\u3042\u3044\u3046\u3048\u304a\u30a2\u30a4\u30a6\u30fb\u30fc\ud55c\uad6d\uc5b4\ub9d0\u3400\u4db6\u9fbc\ufa0e\ufa6b\u2e80\u2f00\u3105\u31c0\u31f0\u3220\u3300\ufe30\uff21\uff61\uff66'];
const SCRIPTS = ['\u0645\u0631\u062d\u0628\u0627', '\u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c', '\u0928\u092e\u0938\u094d\u0924\u0947', '\u0926\u0941\u0928\u093f\u092f\u093e\u0964',
  '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01', '\u05e9\u05dc\u05d5\u05dd', '\u10d2\u10d0\u10db\u10d0\u10e0\u10ef\u10dd\u10d1\u10d0', '\u1e9e', '\u0560\u0587', '\ua640\ua641'];
const EMOJI = ['\u{1f600}', '\u{1f469}\u200d\u{1f4bb}', '\u{1f1e9}\u{1f1ea}', '\u2764\ufe0f', '\u{1f44d}\u{1f3fd}', '\u2603', '\u{1f680}\u{1f680}', '\u{20000}', '\u{2f81a}', '\u{1d54f}', '\u2190', '\u00a9', '\u2122'];
const ODD = ['&amp;', '&quot;', '&lt;b&gt;', '&amp;lt;', '<skipped>', '-\n', '\n-', '\n', '\r\n', '\t', '\u0000', '\ufeff', '\u200b', '\u00ad', '\u200d', "'s ", " 's", '.,.', '-.-', '1-', '1.a', 'a.1', ',.,',
  '\u0001', '\x7f', 'A.B.C.', "don't", "O'Neil's", '(hi)', "''", '``', '\ufffd', 'x'.repeat(70)];
const SPACES = [' ', ' ', ' ', ' ', '  ', '\t', '\n', '\u00a0', '\u3000', '\x1c', '\x1f', '\x85', '\u2028', '\u2003', '\u1680', '\r', '\x0b', '\x0c'];
const LISTS = [WORDS, MARKS, NUMBERS, ACCENTS, ASIAN, SCRIPTS, EMOJI, ODD];
const RANGES = [[0x20, 0x7f], [0xa0, 0x1c80], [0x2000, 0xa640], [0xf900, 0xfb00], [0xfe10, 0x10000], [0x10000, 0x10d00], [0x1f000, 0x1fa00], [0x20000, 0x2a000]] as const;

/** mulberry32 */
export class Random {
  constructor(private state: number) {}

  word(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.word() * n) / 2 ** 32);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

function stemWord(rng: Random): string {
  const word = rng.pick(STEMS) + rng.pick(ENDINGS);
  return rng.below(12) === 0 ? word[0]!.toUpperCase() + word.slice(1) : word;
}

function token(rng: Random, kind: number): string {
  if (kind === 0) {
    const roll = rng.below(10);
    return roll < 7 ? rng.pick(WORDS) : roll < 9 ? rng.pick(MARKS) : rng.pick(NUMBERS);
  }
  if (kind === 1) return stemWord(rng);
  if (kind === 2) return rng.pick(LISTS[rng.below(LISTS.length)]!);
  if (kind === 3) {
    const [low, high] = rng.pick(RANGES);
    return String.fromCodePoint(low + rng.below(high - low));
  }
  return kind === 4 ? rng.pick(ASIAN) : WORDS[rng.below(4)]!;
}

export function text(rng: Random, kind: number, length: number): string {
  const parts: string[] = [];
  const glue = rng.below(4);
  for (let i = 0; i < length; i++) {
    parts.push(token(rng, kind));
    if (kind === 4 && rng.below(8) !== 0) continue;
    parts.push(glue === 0 && kind >= 2 ? rng.pick(SPACES) : rng.below(12) === 0 ? '' : rng.below(25) === 0 ? '\n' : ' ');
  }
  return parts.join('');
}

export function change(rng: Random, source: string, kind: number): string {
  const words = source.split(' ');
  for (let left = rng.below(6); left > 0; left--) {
    const at = rng.below(words.length + 1);
    const roll = rng.below(5);
    if (roll === 0) words.splice(at, 1);
    else if (roll === 1) words.splice(at, 0, token(rng, kind));
    else if (roll === 2) words.splice(at, 1, token(rng, kind));
    else if (roll === 3) words.splice(at, 0, ...words.slice(at, at + 1));
    else {
      const phrase = words.splice(at, 1 + rng.below(6));
      words.splice(rng.below(words.length + 1), 0, ...phrase);
    }
  }
  return words.join(' ');
}

export function lengthOf(rng: Random): number {
  const roll = rng.below(20);
  return roll === 0 ? 0 : roll < 5 ? 1 + rng.below(4) : roll < 18 ? 5 + rng.below(20) : 25 + rng.below(60);
}

export interface Pair {
  readonly hypothesis: string;
  readonly references: readonly string[];
}

export function pair(rng: Random, references: number): Pair {
  const kind = rng.below(6);
  const first = text(rng, kind, lengthOf(rng));
  const refs = [first];
  while (refs.length < references) refs.push(rng.below(3) === 0 ? text(rng, kind, lengthOf(rng)) : change(rng, first, kind));
  const roll = rng.below(12);
  const hypothesis = roll === 0 ? first : roll === 1 ? text(rng, rng.below(6), lengthOf(rng)) : roll === 2 ? ''
    : change(rng, change(rng, first, kind), kind);
  return { hypothesis, references: refs };
}

/** Two long English texts: the changed one and the first. */
export function longPair(rng: Random, words: number, changes: number): readonly [string, string] {
  const first = Array.from({ length: words }, () => rng.below(3) === 0 ? stemWord(rng) : rng.pick(WORDS));
  const second = [...first];
  for (let i = 0; i < changes; i++) {
    const word = `new${rng.below(1000)}`; // Python draws the right side of an assignment first
    second[rng.below(words)] = word;
  }
  return [second.join(' '), first.join(' ')];
}

/** The same with phrases that stand a few dozen words from where they were. */
export function movedPair(rng: Random, words: number, changes: number, moves: number): readonly [string, string] {
  const [hypothesis, reference] = longPair(rng, words, changes);
  const moved = hypothesis.split(' ');
  for (let i = 0; i < moves; i++) {
    const at = rng.below(words - 60);
    const phrase = moved.splice(at, 3 + rng.below(7));
    moved.splice(at + 12 + rng.below(30), 0, ...phrase);
  }
  return [moved.join(' '), reference];
}
