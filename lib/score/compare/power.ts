// Before the run: how small a difference a test set of n items can show at all, and how many items a difference needs.
// Normal approximation: effect = (z(1 - α/2) + z(power)) · σ / √n, σ the spread of the differences item by item.

import { invalid } from '../invalid.js';
import { normalQuantile } from './normal.js';

export interface PowerOptions {
  /** Chance of a false alarm. @default 0.05 */
  readonly alpha?: number;
  /** Chance to see a difference that is there. @default 0.8 */
  readonly power?: number;
}

function reach({ alpha = 0.05, power = 0.8 }: PowerOptions): number {
  if (!(alpha > 0 && alpha < 1)) throw invalid('alpha', 'a number between 0 and 1', alpha);
  if (!(power > 0 && power < 1)) throw invalid('power', 'a number between 0 and 1', power);
  return normalQuantile(1 - alpha / 2) + normalQuantile(power);
}

function positive(name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) throw invalid(name, 'a number above 0', value);
}

/** Smallest mean difference of two systems on the same `items` that is likely to be seen. */
export function detectableEffect(items: number, spread: number, options: PowerOptions = {}): number {
  positive('items', items);
  positive('spread', spread);
  return reach(options) * spread / Math.sqrt(items);
}

/** Items that such a difference needs. */
export function neededItems(effect: number, spread: number, options: PowerOptions = {}): number {
  positive('effect', effect);
  positive('spread', spread);
  return Math.ceil((reach(options) * spread / effect) ** 2 * (1 - 1e-12)); // rounding alone asks for no further item
}

/**
 * The same for accuracies: `discordance` is the share of items that exactly one of the two gets right. The spread is
 * then √(discordance - effect²), which makes effect = z·√(discordance / (n + z²)); no effect exceeds the discordance.
 */
export function detectableAccuracyGain(items: number, discordance: number, options: PowerOptions = {}): number {
  positive('items', items);
  if (!(discordance > 0 && discordance <= 1)) throw invalid('discordance', 'a share above 0 and at most 1', discordance);
  const z = reach(options);
  return Math.min(discordance, z * Math.sqrt(discordance / (items + z * z)));
}
