// The normaliser of TER (Tercom): lower case, and on request Western and East Asian punctuation set apart or removed.
// Rules are those of sacreBLEU 2.6.0; its rules for runs of kana can never match, since a blank was put before them.

import { splitWords, stripEnd } from '../text/space.js';

export interface TerTokenizerOptions {
  /** Set punctuation apart, resolve `&amp;` and its like. @default false */
  readonly normalized?: boolean;
  /** Remove punctuation. @default false */
  readonly noPunct?: boolean;
  /** With `normalized` split East Asian characters apart, with `noPunct` remove their punctuation. @default false */
  readonly asianSupport?: boolean;
  /** @default false */
  readonly caseSensitive?: boolean;
}

const ASIAN_MARKS = /[\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb]/g;
const WIDE_MARKS = /[\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09]/g;
const ASIAN_LETTERS = [/[\u4e00-\u9fff\u3400-\u4dbf]/g, /[\u31c0-\u31ef\u2e80-\u2eff]/g, /[\u3300-\u33ff\uf900-\ufaff\ufe30-\ufe4f]/g, /[\u3200-\u3f22]/g];

function western(text: string): string {
  const joined = text.replaceAll('\n-', '').replaceAll('\n', ' ')
    .replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  return ` ${joined} `
    .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
    .replace(/'s /g, " 's ").replace(/'s$/g, " 's")
    .replace(/([^0-9])([.,])/g, '$1 $2 ').replace(/([.,])([^0-9])/g, ' $1 $2').replace(/([0-9])(-)/g, '$1 $2 ');
}

export function terWords(line: string, options: TerTokenizerOptions): readonly string[] {
  let text = stripEnd(line);
  if (!options.caseSensitive) text = text.toLowerCase();
  if (options.normalized && text !== '') {
    text = western(text);
    if (options.asianSupport) {
      for (const letters of [...ASIAN_LETTERS, ASIAN_MARKS, WIDE_MARKS]) text = text.replace(letters, ' $& ');
    }
  }
  if (options.noPunct) {
    text = text.replace(/[.,?:;!"()]/g, '');
    if (options.asianSupport) text = text.replace(ASIAN_MARKS, '').replace(WIDE_MARKS, '');
  }
  return splitWords(text);
}
