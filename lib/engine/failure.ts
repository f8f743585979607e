// Builds typed errors from the plain objects that native promises reject with, and checks arguments in words.
import { EngineError, type EngineErrorDetails } from '../errors.js';
import type { NativeFailure } from './binding.js';

function isFailure(value: unknown): value is NativeFailure {
  if (typeof value !== 'object' || value === null || value instanceof Error) return false;
  return 'code' in value && 'message' in value;
}

/**
 * Awaits a native promise; a NativeFailure becomes an EngineError whose stack starts at the public call `from`, not
 * inside the engine. Other errors, and "ABORTED" for {@link cancellable} to translate, pass as they are.
 */
export async function typed<T>(promise: Promise<T>, at: CallSite): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw toEngineError(error, at);
  }
}

export function toEngineError(error: unknown, at?: CallSite): unknown {
  if (!isFailure(error) || error.code === 'ABORTED') return error;
  const details = { code: error.code, ...error.details } as unknown as EngineErrorDetails;
  const out = new EngineError(error.message, details);
  if (at !== undefined) out.stack = `${out.name}: ${out.message}\n${at.stack}`;
  return out;
}

/** Where a public method was called. */
export interface CallSite {
  readonly stack: string;
}

// The frames are only formatted when an error needs them.
class Site implements CallSite {
  readonly #holder = {} as { stack?: string };
  constructor(below: (...args: never[]) => unknown) {
    Error.captureStackTrace(this.#holder, below);
  }
  get stack(): string {
    return (this.#holder.stack ?? '').split('\n').slice(1).join('\n');
  }
}

/** Captures the stack above `method`. */
export function callSite(method: (...args: never[]) => unknown): CallSite {
  return new Site(method);
}

/** Throws ERR_INVALID_ARGUMENT. */
export function refuse(argument: string, expected: string, received: unknown): never {
  const shown = typeof received === 'string' ? JSON.stringify(received) : describe(received);
  throw new EngineError(`${argument}: expected ${expected}, got ${shown}`,
    { code: 'ERR_INVALID_ARGUMENT', argument, expected, received: shown });
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
}

/** Checks a whole number within limits, in words. */
export function integer(argument: string, value: unknown, least: number, most = 2 ** 31 - 1): number {
  if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
    refuse(argument, `an integer from ${least} to ${most}`, value);
  }
  return value as number;
}

export function finite(argument: string, value: unknown, least = -Infinity): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least) {
    refuse(argument, least === -Infinity ? 'a finite number' : `a finite number of ${least} or more`, value);
  }
  return value;
}

export function ints(argument: string, value: unknown): Int32Array {
  if (Object.prototype.toString.call(value) !== '[object Int32Array]') refuse(argument, 'an Int32Array', value);
  return value as Int32Array;
}

export function seed64(argument: string, value: unknown): bigint {
  if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
    refuse(argument, 'a bigint from 0n to 2n ** 64n - 1n', value);
  }
  return value;
}
