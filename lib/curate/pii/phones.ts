// Telephone numbers: international with +, the usual national shapes, and others only where the words before say so.
import { matches } from './span.js';
import type { Finder } from './span.js';

const COUNTRY = '(?:1|7|2[07]|2[1-69]\\d|3[0-469]|3[578]\\d|4[0-13-9]|42\\d|5[1-8]|5[09]\\d|6[0-6]|6[789]\\d|8[1246]|8[05789]\\d|9[0-58]|9[679]\\d)';
const GAP = '[ .\\u00a0\\u2011-]?';
const INTERNATIONAL = new RegExp(`(?<![\\w+*/=])(?:\\+|00)${COUNTRY}${GAP}(?:\\(0?\\d{0,4}\\)${GAP})?\\d(?:${GAP}\\d){5,12}(?![\\w]|[-.]\\d)`, 'g');
const NORTH_AMERICA = /(?<![\w.+/#-]|\d )(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d[ .-]\d{4}(?![\w-]|[.]\d)/g;
const FRANCE = /(?<![\w.+/-]|\d )0[1-79](?:[ .-]?\d\d){4}(?![\w-]|[ .]\d)/g;
const UNITED_KINGDOM = /(?<![\w.+/-]|\d )\(?0(?:7\d{3}\)? ?\d{6}|7\d{3}\)? \d{3} \d{3}|20\)? ?\d{4} ?\d{4}|1\d{2,3}\)? \d{3} \d{3,4}|1\d{3}\)? \d{5,6})(?![\w-]|[ .]\d)/g;
const GERMANY = /(?<![\w.+-]|\d )0[1-9]\d{1,4}(?:[ ]?\/[ ]?|-)\d{4,8}(?:-\d{1,4})?(?![\w/-]|\.\d)/g;
const ANY = /(?<![\w.+/#-])\(?\d(?:[ .()/-]{0,2}\d){6,14}(?![\w]|[-/.]\d)/g;
const SAYS_SO = /\b(?:phone|telephone|tel|mobile|cell|fax|call(?: me| us)?|ring|text(?: me)?|whats ?app|sms|dial|reach (?:me|us|him|her)|telefon|handy|tél|téléphone|teléfono|móvil|cellulare|telefono)\b[^\d\n]{0,24}$/i;
const SAYS_OTHERWISE = /\b(?:isbn|issn|order|invoice|ticket|case|ref(?:erence)?|account|serial|part|sku|upc|tracking|id|no|number|version|doi|patent|build|model|lot|batch|room|flight|pmid)\b[\s:#.=-]*$/i;

const digits = (value: string): string => value.replace(/\D/g, '');
/** 555-0100 to 555-0199 are kept free for fiction. */
const isFiction = (value: string): boolean => /555.?01\d\d$/.test(value);
const looksLikeDate = (value: string): boolean =>
  /^\(?(?:(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d)(?!\d)/.test(value);

export const phones: Finder = function* (text) {
  const before = (start: number): string => text.slice(Math.max(0, start - 40), start);
  const accept = (value: string, start: number): boolean =>
    !isFiction(value) && !SAYS_OTHERWISE.test(before(start)) && !looksLikeDate(value);
  for (const pattern of [INTERNATIONAL, NORTH_AMERICA, FRANCE, UNITED_KINGDOM, GERMANY]) yield* matches('phone', text, pattern, accept);
  yield* matches('phone', text, ANY, (value, start) => {
    const count = digits(value).length;
    return count >= 7 && count <= 15 && SAYS_SO.test(before(start)) && accept(value, start) && (value.match(/\(/g)?.length ?? 0) === (value.match(/\)/g)?.length ?? 0);
  });
};
