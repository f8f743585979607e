// What rows were taken for, and the first of them as the model gets it, in words: so that nobody trains on something else in silence.

import type { Detection } from '../data/formats/format.js';
import type { SequenceSet } from '../pack/plan.js';
import { explainText } from '../text/explain.js';
import type { Parts } from './open.js';

/** Below it a user is warned; a format that was given has 1. */
export const SURE = 0.9;
const SHOWN = 100;

/** Format, confidence and why, and which of the user's fields is which. */
export function detectedText({ format, confidence, reason, mapping: { fields = {} } }: Detection): string {
  const names = Object.entries(fields).filter(([ours, theirs]) => ours !== theirs).map(([ours, theirs]) => `${ours} = ${theirs}`);
  return `${format} (confidence ${(100 * confidence).toFixed(1)} %: ${reason}${names.length === 0 ? '' : `; ${names.join(', ')}`})`;
}

/** The first row: what is read, and behind the arrow what is learned. */
export function firstRowText({ tokenizer }: Pick<Parts, 'tokenizer'>, set: SequenceSet): string {
  if (set.length === 0) return '';
  const said = explainText(tokenizer, set.get(0)).map(([text, weight]) => {
    const flat = text.replaceAll(/\s+/g, ' ');
    return `${weight > 0 ? '→ ' : ''}"${flat.length > SHOWN ? `${flat.slice(0, SHOWN)}…` : flat}"`;
  });
  return `${said.slice(0, 6).join(' ')}${said.length > 6 ? ' …' : ''}`;
}
