// Personal data and secrets in a text: patterns propose, checksums, ranges, entropy and the words around decide.
import { isPublicV4, isPublicV6 } from './addresses.js';
import { luhn, mod97 } from './checksums.js';
import { nationalIds } from './national.js';
import { phones } from './phones.js';
import { secrets } from './secrets.js';
import { PII_KINDS, matches } from './span.js';
import type { Finder, PiiKind, PiiSpan } from './span.js';

export { PII_KINDS };
export type { Finder, PiiKind, PiiSpan };

const EMAIL = /(?<![\p{L}\p{N}._%+/:-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w@-]|\.\w*@)/gu;
/** Domains that are kept free for examples, and endings that are files. */
const NO_MAIL = /@(?:.*\.)?(?:example\.(?:com|org|net)|example|test|invalid|localhost)$|\.(?:png|jpe?g|gif|svg|webp|css|[cm]?[jt]sx?|json|py|md|html?|txt|ya?ml|lock|git)$/i;

const emails: Finder = (text) => matches('email', text, EMAIL, (value, start) =>
  !NO_MAIL.test(value) && !/\.\.|\.@/.test(value) && !(value.startsWith('git@') && text[start + value.length] === ':'));

const V4 = /(?<![\w.:/-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/g;
const V6 = /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]|\.\w)/gi;
/** A version, a section, a build: four numbers that are no address. */
const NO_ADDRESS = /(?:\bv|version|release|build|section|chapter|firmware|driver|clause|paragraph|assembly|update|oid|§)[\s:=]*$/i;

const addresses: Finder = function* (text) {
  const before = (start: number): string => text.slice(Math.max(0, start - 24), start);
  const in4 = (value: string, start: number): boolean => isPublicV4(value) && !NO_ADDRESS.test(before(start));
  yield* matches('ip', text, V4, in4);
  // In a URL or after a port's colon the address stands behind a slash.
  yield* matches('ip', text, /(?<=:\/\/(?:[^\s/@]*@)?)\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)/g, in4);
  yield* matches('ip', text, V6, (value) => isPublicV6(value));
};

const CARD = /(?<![\w.-]|\d[ ])(?:\d{4}[ -]?){3}\d{1,7}(?![\w-]|[ .]\d)|(?<![\w.-])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?![\w-]|[ .]\d)/g;
const ISSUER = /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|222[1-9]\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}|50\d{14,17})$/;

const cards: Finder = (text) => matches('card', text, CARD, (value) => {
  const separators = new Set(value.replace(/\d/g, ''));
  return separators.size <= 1 && ISSUER.test(value.replace(/\D/g, '')) && luhn(value);
});

const IBAN_LENGTH: Readonly<Record<string, number>> = Object.fromEntries(
  ('AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 ' +
    'GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 ' +
    'NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20')
    .split(' ').map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]));

const ibans: Finder = function* (text) {
  for (const match of text.matchAll(/(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/g)) {
    const length = IBAN_LENGTH[match[0].slice(0, 2)];
    if (length === undefined) continue;
    // The pattern may have run into the next word: as many characters as the country's numbers have.
    let end = 0;
    for (let count = 0; end < match[0].length && count < length; end++) if (/[A-Z0-9]/.test(match[0][end]!)) count++;
    const value = match[0].slice(0, end);
    const plain = value.replace(/[ -]/g, '');
    const next = text[match.index + end];
    if (plain.length === length && mod97(plain) === 1 && (next === undefined || !/[A-Za-z0-9]/.test(next))) {
      yield { kind: 'iban', start: match.index, end: match.index + end, value };
    }
  }
};

/** The surest first: where two overlap, the earlier kind stays. */
const FINDERS: readonly (readonly [PiiKind, Finder])[] = [
  ['secret', secrets], ['email', emails], ['iban', ibans], ['card', cards], ['national-id', nationalIds], ['ip', addresses], ['phone', phones],
];

/** Without any of these a text has nothing to find; most texts end here. */
const WORTH_LOOKING = /[@]|\d[\d .():/-]{4}|[0-9a-f]:[0-9a-f:]|[A-Za-z0-9_-]{16}|-----BEGIN|pass|secret|token|key/i;

/** All spans, in order, none overlapping. */
export function findPii(text: string, kinds: readonly PiiKind[] = PII_KINDS): readonly PiiSpan[] {
  if (!WORTH_LOOKING.test(text)) return [];
  const found: PiiSpan[] = [];
  for (const [kind, finder] of FINDERS) {
    if (!kinds.includes(kind)) continue;
    for (const span of finder(text)) {
      if (!found.some((other) => other.start < span.end && span.start < other.end)) found.push(span);
    }
  }
  return found.sort((a, b) => a.start - b.start);
}
