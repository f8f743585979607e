// The word splitters of BLEU: none, 13a (mteval-v13a of WMT), intl (mteval-v14 with Unicode), char and zh.
// Rules and names are those of sacreBLEU 2.6.0.

import { splitWords, strip } from '../text/space.js';
import { NUMBER_CLASS, PUNCTUATION_CLASS, SYMBOL_CLASS } from '../text/unicode.js';

export type BleuTokenizer = 'none' | '13a' | 'intl' | 'char' | 'zh';
export const BLEU_TOKENIZERS: readonly BleuTokenizer[] = ['13a', 'intl', 'none', 'char', 'zh'];

/** Every ASCII symbol stands alone, but apostrophe, comma, hyphen and full stop … */
const ALONE = /[{-~[-` -&(-+:-@/]/g;
/** … which stand alone beside anything but a digit (comma, full stop) or after a digit (hyphen). */
const AFTER_OTHER = /([^0-9])([.,])/g;
const BEFORE_OTHER = /([.,])([^0-9])/g;
const HYPHEN = /([0-9])(-)/g;
const POINT = /[.,]/;

function western(line: string): readonly string[] {
  let text = line.replace(ALONE, ' $& ');
  if (POINT.test(text)) text = text.replace(AFTER_OTHER, '$1 $2 ').replace(BEFORE_OTHER, ' $1 $2');
  if (text.includes('-')) text = text.replace(HYPHEN, '$1 $2 ');
  return splitWords(text);
}

function mteval13a(line: string): readonly string[] {
  let text = line;
  if (text.includes('<skipped>')) text = text.replaceAll('<skipped>', '');
  if (text.includes('\n')) text = text.replaceAll('-\n', '').replaceAll('\n', ' ');
  if (text.includes('&')) {
    text = text.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  }
  return western(` ${text} `);
}

const PUNCTUATION_AFTER = new RegExp(`([^${NUMBER_CLASS}])([${PUNCTUATION_CLASS}])`, 'gu');
const PUNCTUATION_BEFORE = new RegExp(`([${PUNCTUATION_CLASS}])([^${NUMBER_CLASS}])`, 'gu');
const SYMBOL = new RegExp(`[${SYMBOL_CLASS}]`, 'gu');

function international(line: string): readonly string[] {
  return splitWords(line.replace(PUNCTUATION_AFTER, '$1 $2 ').replace(PUNCTUATION_BEFORE, ' $1 $2').replace(SYMBOL, ' $& '));
}

/**
 * What the reference calls Chinese. Its two ranges beyond U+FFFF are written in a way that makes them U+2001 to U+2A6D
 * and U+2F81 to U+2FA1 (general punctuation, arrows, mathematics), and so they are here.
 */
const CHINESE = new RegExp('[\\u2001-\\u2a6d\\u2e80-\\u2eff\\u2f00-\\u2fdf\\u2ff0-\\u303f\\u3100-\\u312f\\u31a0-\\u31bf\\u31c0-\\u31ef' +
  '\\u3200-\\u33ff\\u3400-\\u4db5\\u4e00-\\u9fbb\\uf900-\\ufa2d\\ufa30-\\ufa6a\\ufa70-\\ufad9\\ufe10-\\ufe1f\\ufe30-\\ufe4f\\uff00-\\uffef]', 'g');

const SPLITTERS: Readonly<Record<BleuTokenizer, (line: string) => readonly string[]>> = {
  none: splitWords,
  '13a': mteval13a,
  intl: international,
  char: (line) => splitWords([...line].join(' ')),
  zh: (line) => western(strip(line).replace(CHINESE, ' $& ')),
};

/** The words of a line without white space at its end. */
export function bleuTokenizer(name: BleuTokenizer): (line: string) => readonly string[] {
  return SPLITTERS[name];
}
