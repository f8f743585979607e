// The addon's text calls for lib/curate: found once, with AbortSignal as cancellation and typed errors.
import type { NativeAddon, NativeFailure } from '../engine/binding.js';
import { cancellable } from '../engine/abort.js';
import { loadAddon } from '../engine/native.js';
import { EngineError } from '../errors.js';
import type { EngineErrorDetails } from '../errors.js';

function isFailure(error: unknown): error is NativeFailure {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'code' in error && 'details' in error;
}

/** Runs one text call; `signal` cancels it. */
export async function native<T>(
  signal: AbortSignal | undefined, call: (addon: NativeAddon, ticket: number) => Promise<T>,
): Promise<T> {
  const addon = loadAddon();
  try {
    return await cancellable(signal, (ticket) => addon.cancelOpen(ticket), (ticket) => call(addon, ticket));
  } catch (error) {
    if (!isFailure(error)) throw error;
    throw new EngineError(error.message, { ...error.details, code: error.code } as EngineErrorDetails);
  }
}
