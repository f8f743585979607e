// The door to constrained generation: what the text must be, as choices, a regular expression or a JSON schema, made
// ready for one tokenizer.

import { EngineError } from '../../errors.js';
import { Automaton } from './automaton.js';
import { either, literal } from './expression.js';
import type { Grammar } from './expression.js';
import { schemaGrammar } from './json-schema.js';
import type { JsonSchema } from './json-schema.js';
import { TokenMasks } from './masks.js';
import type { TokenBytes, TokenConstraint } from './masks.js';
import { parseRegex } from './regex.js';

/** Exactly one of these. */
export type Constraint =
  | { readonly choices: readonly string[] }
  | { readonly regex: string }
  | { readonly jsonSchema: JsonSchema };

export interface ConstrainOptions {
  /** Tokens that end a text: they may be drawn where it is complete. */
  readonly stopTokens: readonly number[];
  /** Of the model; at least the tokenizer's size. */
  readonly vocabulary: number;
}

/** Makes a constraint ready for a tokenizer; good for any number of texts, one after the other or at once. */
export function constrain(constraint: Constraint, tokens: TokenBytes, options: ConstrainOptions): TokenConstraint {
  return new TokenMasks(new Automaton(grammarOf(constraint)), tokens, { stop: options.stopTokens, vocabulary: options.vocabulary });
}

/** Whether a text is one that the constraint allows. */
export function satisfies(constraint: Constraint, text: string): boolean {
  return new Automaton(grammarOf(constraint)).matches(text);
}

function grammarOf(constraint: Constraint): Grammar {
  if ('choices' in constraint) {
    if (constraint.choices.length === 0 || constraint.choices.includes('')) {
      throw new EngineError('choices: expected at least one text, and none that is empty',
        { code: 'ERR_INVALID_ARGUMENT', argument: 'choices', expected: 'texts', received: JSON.stringify(constraint.choices) });
    }
    return { start: either(...constraint.choices.map(literal)), rules: new Map() };
  }
  return 'regex' in constraint ? { start: parseRegex(constraint.regex), rules: new Map() } : schemaGrammar(constraint.jsonSchema);
}
