// Keys, tokens and passwords: shapes that issuers publish, and assignments whose value is too random to be a word.
import { entropy } from './checksums.js';
import { matches } from './span.js';
import type { Finder, PiiSpan } from './span.js';

const SHAPES: readonly RegExp[] = [
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{40,100}(?![A-Za-z0-9_])/g,
  /(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}(?![A-Za-z0-9_-])/g,
  /(?<![A-Za-z0-9])sk-(?:proj-|ant-(?:api\d\d-)?|svcacct-)?[A-Za-z0-9_-]{20,200}(?![A-Za-z0-9_-])/g,
  /(?<![A-Za-z0-9])[rs]k_live_[A-Za-z0-9]{16,100}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])xox[abposr]-[A-Za-z0-9-]{10,80}(?![A-Za-z0-9-])/g,
  /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g,
  /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,40}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/g,
  /(?<![A-Za-z0-9])pypi-[A-Za-z0-9_-]{50,200}(?![A-Za-z0-9_-])/g,
  /(?<![A-Za-z0-9])SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g,
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}/g,
];
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----/g;
const ASSIGNED = /(?:api[_ -]?key|secret(?:[_ -]?(?:access[_ -]?)?key)?|access[_ -]?(?:key|token)|auth[_ -]?token|token|passw(?:or)?d|pwd|bearer|client[_ -]?secret|private[_ -]?key)["'`]?\s*(?:=>|:=|[:=]|\bis\b)?\s*["'`]?([A-Za-z0-9+/_=!@#$%^&*~.-]{8,200})/gi;
const PLACEHOLDER = /example|your|xxxx|\*\*\*|placeholder|changeme|dummy|sample|insert|redacted|<|\$\{|process\.env|os\.environ|getenv|123456789|abcdef|test_?key/i;
const CONNECTION = /(?<=[a-z][a-z0-9+.-]*:\/\/[^\s:/@]+:)[^\s:/@]{6,100}(?=@[\w.-]+)/gi;

/** Letters and digits mixed without the look of a word, a path or a call. */
function isRandom(value: string): boolean {
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((part) => part.test(value)).length;
  if (value.length >= 16) return classes >= 2 && /\d/.test(value) && entropy(value) >= 3.3;
  return classes >= 3 && /\d/.test(value) && entropy(value) >= 2.75;
}

export const secrets: Finder = function* (text): Generator<PiiSpan> {
  yield* matches('secret', text, PRIVATE_KEY, (value) => !/\.\.\.|…/.test(value) && value.length > 120);
  for (const pattern of SHAPES) {
    yield* matches('secret', text, pattern, (value) => !PLACEHOLDER.test(value) && entropy(value) >= 3 && /\d/.test(value));
  }
  for (const match of text.matchAll(ASSIGNED)) {
    const value = match[1]!.replace(/[.,!]+$/, '');
    if (PLACEHOLDER.test(value) || !isRandom(value) || /^[\w.]+\(/.test(value) || /^(?:https?:|\/|\.\/|[\w-]+\/[\w-]+\/)/.test(value)) continue;
    const start = match.index + match[0].length - match[1]!.length;
    yield { kind: 'secret', start, end: start + value.length, value };
  }
  yield* matches('secret', text, CONNECTION, (value) => !PLACEHOLDER.test(value) && !/^pass(?:word)?$/i.test(value));
};
