// The number that an answer ends in, as people and GSM8K write it, and whether two numbers agree.

/** A number in a text: sign, currency, thousands, decimals, exponent; or a fraction; a percent sign after it. */
const NUMBER = /[-+\u2212]?\s?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s?\/\s?\d+(?:\.\d+)?)?|[-+\u2212]?[$€£]?\.\d+/gu;
/** Words after which the answer stands; the last of them in a text counts. */
const MARKS = [/####\s*/g, /\\boxed\{/g, /\b(?:final answer|answer|result)\s*(?:is|are|:|=)\s*/gi];

/** The value of a number as written; undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  const plain = text.trim().replace(/[\s,$€£]/g, '').replace('\u2212', '-').replace(/\.$/, '');
  const fraction = /^([-+]?[\d.]+)\/([\d.]+)$/.exec(plain);
  const value = fraction === null ? plain === '' ? NaN : Number(plain) : Number(fraction[1]) / Number(fraction[2]);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * The number that a text gives as its answer: the first after "####", else after \boxed{, else after "answer is", else
 * the last in the text. `strict`: only after "####". Undefined where there is none.
 */
export function finalNumber(text: string, options: { readonly strict?: boolean } = {}): number | undefined {
  for (const mark of options.strict === true ? MARKS.slice(0, 1) : MARKS) {
    const last = [...text.matchAll(mark)].at(-1);
    const found = last === undefined ? undefined : numbersOf(text.slice(last.index + last[0].length))[0];
    if (found !== undefined) return found;
  }
  return options.strict === true ? undefined : numbersOf(text).at(-1);
}

function numbersOf(text: string): number[] {
  return [...text.matchAll(NUMBER)].flatMap(({ 0: match, index }) => {
    // A minus right after a digit or a letter is a dash: "10-12" is ten and twelve.
    const dash = /^[-+\u2212]/.test(match) && /[\p{L}\p{N})]$/u.test(text.slice(0, index));
    const value = parseNumber(dash ? match.slice(1) : match);
    return value === undefined ? [] : [value];
  });
}

export interface Tolerance {
  /** @default 0 */
  readonly absolute?: number;
  /** Of the larger of both. @default 1e-9 */
  readonly relative?: number;
}

/** As Python's math.isclose. */
export function numbersAgree(a: number, b: number, { absolute = 0, relative = 1e-9 }: Tolerance = {}): boolean {
  return a === b || Math.abs(a - b) <= Math.max(relative * Math.max(Math.abs(a), Math.abs(b)), absolute);
}
