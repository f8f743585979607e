// Text made plain for comparison, as datatrove's simplify_text does: lower case, numbers as 0, punctuation and white space as
// one space, no diacritics. Texts of ASCII are left to native code, which does the same faster.

/** datatrove's list of punctuation, and the control characters; without ASCII, which native code knows. */
const PUNCTUATION = /[\u0080-\u009f—”：％１〈、━【「」，】；《„’∶´（–？！：～«〉》）？。…►»“％`*．-]/gu;
// Python's \s beyond ASCII: JavaScript's, without the byte order mark.
const SPACE = /[\s\u0085\u001c-\u001f]+/gu;
const NUMBER = /\p{Nd}+(?:[.,،٫⎖⎗⎘]\p{Nd}+)?/gu;
const MARK = /\p{Mn}/gu;
const ASCII_GAP = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f!-/:-@[-`{-~]/g;

// eslint-disable-next-line no-control-regex
const BEYOND_ASCII = /[^\x00-\x7f]/;

/** True if native code alone would not do. */
export function isBeyondAscii(text: string): boolean {
  return BEYOND_ASCII.test(text);
}

/** What native code can go on with: ASCII texts as they are, others simplified. */
export function simplifyForNative(text: string): string {
  if (!isBeyondAscii(text)) return text;
  return text.toLowerCase().replace(NUMBER, '0').replace(ASCII_GAP, ' ').replace(PUNCTUATION, ' ').replace(SPACE, ' ').trim()
    .normalize('NFD').replace(MARK, '').trim();
}

/** Lower case beyond ASCII, where a shingle is of characters or of words as they stand. */
export function lowerForNative(text: string): string {
  return isBeyondAscii(text) ? text.toLowerCase() : text;
}
