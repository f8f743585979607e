// National numbers of persons. A number with a strong shape and a checksum counts as it stands; a bare run of digits only
// where the words before name it.
import { brazilian, chinese, dutch, finnish, french, german, italian, luhn, polish, spanish, verhoeff } from './checksums.js';
import { matches } from './span.js';
import type { Finder } from './span.js';

interface Rule {
  readonly pattern: RegExp;
  readonly check: (value: string) => boolean;
  /** Words that must stand within 40 characters before it. */
  readonly named?: RegExp;
}

const SSN_WORDS = /\b(?:ssn|social security)\b/i;
const NOT_SSN = /^(?:000|666|9\d\d)|^\d{3}[ -]?00|0000$|^(?:123[ -]?45[ -]?6789|078[ -]?05[ -]?1120|219[ -]?09[ -]?9999)$/;

const RULES: readonly Rule[] = [
  { pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g, check: (value) => !NOT_SSN.test(value) },
  { pattern: /(?<![\w-])\d{3} ?\d{2} ?\d{4}(?![\w-])/g, check: (value) => !NOT_SSN.test(value), named: SSN_WORDS },
  { pattern: /(?<![\w-])(?:\d{8}|[XYZ]\d{7})[ -]?[A-Z](?![\w-])/g, check: spanish },
  { pattern: /(?<!\w)[A-Z]{6}\d{2}[ABCDEHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)/gi, check: italian },
  { pattern: /(?<![\w.-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d{2} ?\d{3} ?\d{3} ?\d{2}(?![\w-])/g, check: french },
  { pattern: /(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])/g, check: brazilian },
  { pattern: /(?<![\w.-])\d{11}(?![\w-])/g, check: brazilian, named: /\bcpf\b/i },
  { pattern: /(?<![\w.-])\d{11}(?![\w-])/g, check: polish, named: /\bpesel\b/i },
  { pattern: /(?<![\w.-])\d{9}(?![\w-])/g, check: dutch, named: /\b(?:bsn|burgerservicenummer|sofinummer)\b/i },
  { pattern: /(?<![\w.-])\d{17}[\dXx](?![\w-])/g, check: chinese },
  { pattern: /(?<![\w.-])[2-9]\d{3} \d{4} \d{4}(?![\w-]| \d)/g, check: verhoeff },
  { pattern: /(?<![\w.-])[2-9]\d{11}(?![\w-])/g, check: verhoeff, named: /\b(?:aadhaar|aadhar|uidai)\b/i },
  { pattern: /(?<![\w.-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\w-])/g, check: german, named: /\b(?:steuer-?id|steueridentifikationsnummer|idnr|tax id)\b/i },
  { pattern: /(?<![\w.-])\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y](?![\w-])/g, check: finnish },
  { pattern: /(?<![\w.-])(?:19|20)?\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[-+]\d{4}(?![\w-])/g, check: (value) => luhn(value.replace(/\D/g, '').slice(-10)) },
  { pattern: /(?<![\w.-])\d{3}[ -]?\d{3}[ -]?\d{3}(?![\w-])/g, check: luhn, named: /\b(?:sin|social insurance)\b/i },
  { pattern: /(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g, check: () => true, named: /\b(?:ni ?no|national insurance|ni number)\b/i },
];

export const nationalIds: Finder = function* (text) {
  for (const { pattern, check, named } of RULES) {
    yield* matches('national-id', text, pattern, (value, start) =>
      check(value) && (named === undefined || named.test(text.slice(Math.max(0, start - 40), start))));
  }
};
