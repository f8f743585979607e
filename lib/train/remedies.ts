// What to do about a verdict, best first: which keys to change, and which of the changes can be made while a run goes.

import type { Remedy, Verdict } from '../track/events.js';
import type { Config } from './config/schema.js';

/** Values as they are now: those of the configuration, or what the doctor made of them. */
export interface Now {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly clip: number;
}

const round = (value: number): number => Number(value.toPrecision(3));

/** `gained`: part of the loss that training has taken away so far. */
export function remediesFor(verdict: Verdict, { lora, train }: Config, now: Now, gained: number): readonly Remedy[] {
  const live = (what: string, set: Remedy['set']): Remedy => ({ what, set, live: true });
  const next = (what: string, set: Remedy['set'] = {}): Remedy => ({ what, set, live: false });
  switch (verdict) {
    case 'overfitting': return [
      live('stop: the best validation is behind, and its weights are kept', { 'train.earlyStopping.patience': Math.max(2, train.earlyStopping.patience) }),
      ...(now.dropout < 0.3 ? [live('more dropout', { 'lora.dropout': round(Math.min(0.3, Math.max(0.1, 2 * now.dropout))) })] : []),
      live('more weight decay', { 'train.weightDecay': round(Math.max(0.05, 2 * now.weightDecay)) }),
      live('a lower learning rate', { 'train.learningRate': round(now.learningRate / 2) }),
      next('more rows, or variants of those there are'),
      ...(lora.r > 4 ? [next('a smaller adapter', { 'lora.r': Math.ceil(lora.r / 2) })] : []),
    ];
    case 'underfitting': return [
      next('more updates', train.steps === undefined ? { 'train.epochs': round(2 * (train.epochs ?? 1)) } : { 'train.steps': 2 * train.steps }),
      live('a higher learning rate', { 'train.learningRate': round(now.learningRate * (gained < 0.05 ? 10 : 2)) }),
      next('a higher rank', { 'lora.r': 2 * lora.r }),
      ...(now.dropout > 0 ? [live('no dropout', { 'lora.dropout': 0 })] : []),
      ...(now.weightDecay > 0 ? [live('no weight decay', { 'train.weightDecay': 0 })] : []),
    ];
    case 'unstable': return [
      live('a lower learning rate', { 'train.learningRate': round(now.learningRate / 4) }),
      ...(now.clip === 0 || now.clip > 1 ? [live('clip gradients', { 'train.clip': 1 })] : []),
      ...(train.warmupRatio < 0.1 && train.warmupSteps === 0 ? [next('a warm-up', { 'train.warmupRatio': 0.1 })] : []),
      next('larger updates', { 'train.accumulation': 2 * train.accumulation }),
    ];
    case 'label noise': return [
      next('look at the rows in mislabels.jsonl, worst first: correct or remove them'),
      ...(train.labelSmoothing < 0.1 ? [next('label smoothing', { 'train.labelSmoothing': 0.1 })] : []),
      next('stop before they are learned by heart', { 'train.earlyStopping.patience': Math.max(2, train.earlyStopping.patience) }),
    ];
    case 'leakage suspected': return [
      next('remove the validation rows that training rows contain, or split again by group: until then the validation loss measures memory'),
    ];
    case 'healthy': return [];
  }
}
