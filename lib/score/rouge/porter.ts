// Porter's stemmer (1980) with the changes of NLTK, which rouge_score uses: a few irregular words, 'ies' and 'ied' of
// four-letter words, 'y' to 'i' only after a consonant, 'alli' first, 'fulli' and 'logi'. For words of a-z and 0-9.

const IRREGULAR: ReadonlyMap<string, string> = new Map(Object.entries({
  sky: 'sky', skies: 'sky', dying: 'die', lying: 'lie', tying: 'tie', news: 'news', innings: 'inning', inning: 'inning',
  outings: 'outing', outing: 'outing', cannings: 'canning', canning: 'canning', howe: 'howe', proceed: 'proceed',
  exceed: 'exceed', succeed: 'succeed',
}));

const isVowelLetter = (letter: string): boolean =>
  letter === 'a' || letter === 'e' || letter === 'i' || letter === 'o' || letter === 'u';

/** By position: a consonant. A 'y' is one at the start and after a vowel. */
function consonants(word: string): readonly boolean[] {
  const flags: boolean[] = [];
  for (let i = 0; i < word.length; i++) flags.push(word[i] === 'y' ? i === 0 || !flags[i - 1]! : !isVowelLetter(word[i]!));
  return flags;
}

/** How often a consonant follows a vowel: the measure of the paper. */
function measure(word: string): number {
  const flags = consonants(word);
  let count = 0;
  for (let i = 1; i < flags.length; i++) if (flags[i]! && !flags[i - 1]!) count++;
  return count;
}

const hasVowel = (word: string): boolean => consonants(word).includes(false);

function endsInDouble(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && consonants(word).at(-1)!;
}

/** Consonant, vowel, consonant other than w, x, y; or a word of vowel and consonant. */
function endsShort(word: string): boolean {
  const flags = consonants(word);
  if (word.length === 2) return !flags[0]! && flags[1]!;
  return word.length >= 3 && flags.at(-3)! && !flags.at(-2)! && flags.at(-1)! && !/[wxy]$/.test(word);
}

const without = (word: string, ending: string): string => word.slice(0, word.length - ending.length);

/** The first ending that fits decides: it is replaced if what stands before measures more than `least`. */
function replace(word: string, rules: readonly (readonly [ending: string, by: string])[], least: number): string {
  for (const [ending, by] of rules) {
    if (!word.endsWith(ending)) continue;
    // The l of 'logi' counts as part of the stem.
    const stem = without(word, ending === 'logi' ? 'ogi' : ending);
    const fits = measure(stem) > least && (ending !== 'ion' || /[st]$/.test(stem));
    return fits ? without(word, ending) + by : word;
  }
  return word;
}

const STEP_2 = [
  ['ational', 'ate'], ['tional', 'tion'], ['enci', 'ence'], ['anci', 'ance'], ['izer', 'ize'], ['bli', 'ble'], ['alli', 'al'],
  ['entli', 'ent'], ['eli', 'e'], ['ousli', 'ous'], ['ization', 'ize'], ['ation', 'ate'], ['ator', 'ate'], ['alism', 'al'],
  ['iveness', 'ive'], ['fulness', 'ful'], ['ousness', 'ous'], ['aliti', 'al'], ['iviti', 'ive'], ['biliti', 'ble'], ['fulli', 'ful'],
  ['logi', 'log'],
] as const;
const STEP_3 = [
  ['icate', 'ic'], ['ative', ''], ['alize', 'al'], ['iciti', 'ic'], ['ical', 'ic'], ['ful', ''], ['ness', ''],
] as const;
const STEP_4 = ['al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment', 'ent', 'ion', 'ou', 'ism', 'ate', 'iti', 'ous',
  'ive', 'ize'].map((ending) => [ending, ''] as const);

function plural(word: string): string {
  if (word.endsWith('ies')) return word.length === 4 ? without(word, 's') : without(word, 'es');
  if (word.endsWith('sses')) return without(word, 'es');
  return word.endsWith('s') && !word.endsWith('ss') ? without(word, 's') : word;
}

function pastAndGerund(word: string): string {
  if (word.endsWith('ied')) return word.length === 4 ? without(word, 'd') : without(word, 'ed');
  if (word.endsWith('eed')) return measure(without(word, 'eed')) > 0 ? without(word, 'd') : word;
  const ending = ['ed', 'ing'].find((end) => word.endsWith(end) && hasVowel(without(word, end)));
  if (ending === undefined) return word;
  const stem = without(word, ending);
  if (/(at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsInDouble(stem)) return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsShort(stem) ? `${stem}e` : stem;
}

function finalY(word: string): string {
  const stem = without(word, 'y');
  return word.endsWith('y') && stem.length > 1 && consonants(stem).at(-1)! ? `${stem}i` : word;
}

function suffix(word: string): string {
  return word.endsWith('alli') && measure(without(word, 'alli')) > 0 ? suffix(without(word, 'li')) : replace(word, STEP_2, 0);
}

function finalE(word: string): string {
  if (!word.endsWith('e')) return word;
  const stem = without(word, 'e');
  const size = measure(stem);
  return size > 1 || (size === 1 && !endsShort(stem)) ? stem : word;
}

function finalL(word: string): string {
  return word.endsWith('ll') && measure(without(word, 'l')) > 1 ? without(word, 'l') : word;
}

/** The stem of a lower-case word. */
export function porterStem(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length <= 2) return word;
  return finalL(finalE(replace(replace(suffix(finalY(pastAndGerund(plural(word)))), STEP_3, 0), STEP_4, 1)));
}
