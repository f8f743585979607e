// What a finder of personal data yields, and the helper that most finders are made of.

export type PiiKind = 'email' | 'phone' | 'ip' | 'card' | 'iban' | 'national-id' | 'secret';

export const PII_KINDS: readonly PiiKind[] = ['email', 'phone', 'ip', 'card', 'iban', 'national-id', 'secret'];

export interface PiiSpan {
  readonly kind: PiiKind;
  readonly start: number;
  readonly end: number;
  readonly value: string;
}

/** Proposes spans of one kind. */
export type Finder = (text: string) => Iterable<PiiSpan>;

/** Spans of one pattern that a test accepts. The pattern is global. */
export function* matches(
  kind: PiiKind, text: string, pattern: RegExp, accept: (value: string, start: number) => boolean = () => true,
): Generator<PiiSpan> {
  for (const match of text.matchAll(pattern)) {
    if (accept(match[0], match.index)) yield { kind, start: match.index, end: match.index + match[0].length, value: match[0] };
  }
}
