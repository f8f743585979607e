// Regular expressions as constraints: the common part of JavaScript's and Python's, matched against the whole text.
// What cannot be said by a finite automaton (lookaround, back references, word borders) is refused by name.

import { EngineError } from '../../errors.js';
import { LAST, chars, either, inverse, literal, repeat, sequence, EMPTY } from './expression.js';
import type { Expression, Ranges } from './expression.js';

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACE: Ranges = [[9, 13], [32, 32], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f],
  [0x3000, 0x3000], [0xfeff, 0xfeff]];
const LINE_ENDS: Ranges = [[10, 10], [13, 13], [0x2028, 0x2029]];
const CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGIT, w: WORD, s: SPACE, D: inverse(DIGIT), W: inverse(WORD), S: inverse(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 };
/** Most copies that counted repetitions may ask for. */
const MOST_COPIES = 10_000;

/** The tree of a pattern. Throws ERR_INVALID_ARGUMENT with the place in the pattern. */
export function parseRegex(pattern: string): Expression {
  return new Parser(pattern).whole();
}

class Parser {
  readonly #chars: readonly string[];
  #at = 0;

  constructor(readonly pattern: string) {
    this.#chars = Array.from(pattern);
  }

  whole(): Expression {
    const expression = this.#either(true);
    if (this.#at < this.#chars.length) throw this.#refuse('a ")" without "("');
    return expression;
  }

  #either(top: boolean): Expression {
    const parts = [this.#sequence(top)];
    while (this.#take('|')) parts.push(this.#sequence(top));
    return either(...parts);
  }

  #sequence(top: boolean): Expression {
    const parts: Expression[] = [];
    while (this.#at < this.#chars.length && this.#peek() !== '|' && this.#peek() !== ')') {
      if (this.#peek() === '^' || this.#peek() === '$') {
        const atEdge = this.#peek() === '^' ? parts.length === 0 : ['|', undefined].includes(this.#chars[this.#at + 1]);
        if (!top || !atEdge) throw this.#refuse(`"${this.#peek()}" inside the pattern: the whole text is matched anyway`);
        this.#at++;
        continue;
      }
      parts.push(this.#repeated(this.#atom()));
    }
    return parts.length === 0 ? EMPTY : sequence(...parts);
  }

  #repeated(atom: Expression): Expression {
    let expression = atom;
    for (;;) {
      let bounds: readonly [number, number] | undefined;
      if (this.#take('*')) bounds = [0, Infinity];
      else if (this.#take('+')) bounds = [1, Infinity];
      else if (this.#take('?')) bounds = [0, 1];
      else bounds = this.#counted();
      if (bounds === undefined) return expression;
      if (expression !== atom) throw this.#refuse('a repetition of a repetition; put the first in (?: )');
      this.#take('?'); // lazy: the same texts
      if (this.#take('+')) throw this.#refuse('a possessive repetition');
      expression = repeat(atom, bounds[0], bounds[1]);
    }
  }

  #counted(): readonly [number, number] | undefined {
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.#chars.slice(this.#at, this.#at + 24).join(''));
    if (found === null) return undefined;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === '' ? Infinity : Number(found[3]);
    if (max < min) throw this.#refuse(`a repetition ${found[0]} that ends before it begins`);
    if (Math.max(min, max === Infinity ? 0 : max) > MOST_COPIES) throw this.#refuse(`more than ${MOST_COPIES} repetitions`);
    this.#at += found[0].length;
    return [min, max];
  }

  #atom(): Expression {
    const char = this.#chars[this.#at++]!;
    if (char === '.') return chars(inverse(LINE_ENDS));
    if (char === '[') return chars(this.#set());
    if (char === '(') return this.#group();
    if (char === '\\') return chars(this.#escape(false));
    if (char === '*' || char === '+' || char === '?') throw this.#refuse(`"${char}" with nothing to repeat`);
    return literal(char);
  }

  #group(): Expression {
    if (this.#take('?')) {
      const rest = this.#chars.slice(this.#at, this.#at + 80).join('');
      const found = /^(?::|P?<[A-Za-z_]\w*>)/.exec(rest);
      if (found === null) throw this.#refuse(/^<?[=!]/.test(rest) ? 'lookahead or lookbehind' : `a group (?${rest.slice(0, 3)}…`);
      this.#at += Array.from(found[0]).length;
    }
    const expression = this.#either(false);
    if (!this.#take(')')) throw this.#refuse('a "(" without ")"');
    return expression;
  }

  #set(): Ranges {
    const negative = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; ; first = false) {
      const char = this.#chars[this.#at++];
      if (char === undefined) throw this.#refuse('a "[" without "]"');
      if (char === ']' && !first) break;
      if (char === ']') return negative ? [[0, LAST]] : []; // as in JavaScript: [] matches nothing
      const low = char === '\\' ? this.#escape(true) : single(char);
      if (low.length === 1 && low[0]![0] === low[0]![1] && this.#peek() === '-' && this.#chars[this.#at + 1] !== ']') {
        this.#at++;
        const next = this.#chars[this.#at++];
        if (next === undefined) throw this.#refuse('a "[" without "]"');
        const high = next === '\\' ? this.#escape(true) : single(next);
        if (high.length !== 1 || high[0]![0] !== high[0]![1] || high[0]![0] < low[0]![0]) throw this.#refuse('a range that ends before it begins');
        ranges.push([low[0]![0], high[0]![0]]);
      } else ranges.push(...low);
    }
    return negative ? inverse(ranges) : ranges;
  }

  #escape(inSet: boolean): Ranges {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#refuse('a "\\" at the end');
    if (Object.hasOwn(CLASSES, char)) return CLASSES[char]!;
    if (char === 'b' && inSet) return [[8, 8]];
    if (Object.hasOwn(CONTROLS, char)) return [[CONTROLS[char]!, CONTROLS[char]!]];
    const rest = this.#chars.slice(this.#at, this.#at + 10).join('');
    const hex = char === 'x' ? /^([0-9a-fA-F]{2})/.exec(rest) : char === 'u' ? /^(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{4}))/.exec(rest) : null;
    if (hex !== null) {
      this.#at += hex[0].length;
      const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
      if (code > LAST || (code >= 0xd800 && code <= 0xdfff)) throw this.#refuse(`\\${char}${hex[0]}, which is no character`);
      return [[code, code]];
    }
    if (/[A-Za-z0-9]/.test(char)) {
      throw this.#refuse(/[1-9k]/.test(char) ? 'a back reference' : /[bBAZz]/.test(char) ? `the border \\${char}` : `the escape \\${char}`);
    }
    return single(char);
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #refuse(what: string): EngineError {
    return new EngineError(
      `regular expression ${JSON.stringify(this.pattern)}, character ${this.#at}: ${what} cannot be a constraint. ` +
      'Use characters, [sets], groups, |, *, +, ?, {n,m} and the classes \\d \\w \\s',
      { code: 'ERR_INVALID_ARGUMENT', argument: 'regex', expected: 'a regular expression without lookaround and references', received: this.pattern });
  }
}

function single(char: string): Ranges {
  const code = char.codePointAt(0)!;
  return [[code, code]];
}
