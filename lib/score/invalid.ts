// The error of a wrong argument to a score: which one, what was expected and what came.

import { describe, EngineError } from '../errors.js';

export function invalid(argument: string, expected: string, received: unknown, hint = ''): EngineError {
  const came = describe(received);
  return new EngineError(`${argument}: expected ${expected}, got ${came}${hint === '' ? '' : `; ${hint}`}`, {
    code: 'ERR_INVALID_ARGUMENT', argument, expected, received: came,
  });
}

/** As many of one as of the other. */
export function sameLength(argument: string, count: number, other: string, expected: number): void {
  if (count !== expected) {
    throw invalid(argument, `as many as ${other} (${expected})`, count, 'each must stand beside its partner');
  }
}
