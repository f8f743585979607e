// The one list of error codes and the class that carries them. Codes are documented in docs/errors.md.

export interface MemoryLine {
  readonly name: string;
  readonly bytes: number;
}

export type EngineErrorDetails =
  | { readonly code: 'ERR_INVALID_ARGUMENT'; readonly argument: string; readonly expected: string; readonly received: string }
  | { readonly code: 'ERR_SHAPE'; readonly op: string }
  | { readonly code: 'ERR_UNSUPPORTED'; readonly op: string; readonly reasons: readonly string[] }
  | { readonly code: 'ERR_OUT_OF_MEMORY'; readonly needed: number; readonly free: number; readonly plan: readonly MemoryLine[] }
  | {
      readonly code: 'ERR_BACKEND_UNAVAILABLE';
      readonly why: 'not-built' | 'no-driver' | 'no-device' | 'abi-mismatch';
      readonly tried: readonly string[];
    }
  | { readonly code: 'ERR_DEVICE_LOST'; readonly op: string }
  | { readonly code: 'ERR_NOT_FINITE'; readonly where: 'loss' | 'gradient'; readonly slot: number }
  /** A file of ours or of a model is damaged, missing or of the wrong kind. */
  | { readonly code: 'ERR_CHECKPOINT'; readonly file: string; readonly problem: string }
  /** A model folder or its config.json cannot be used. */
  | { readonly code: 'ERR_MODEL'; readonly file: string; readonly field?: string }
  /** A row, template or tokenizer problem in training or evaluation data. */
  | { readonly code: 'ERR_DATA'; readonly file?: string; readonly row?: number; readonly field?: string }
  /** A configuration key or value; line and column where the file is known. */
  | { readonly code: 'ERR_CONFIG'; readonly key?: string; readonly file?: string; readonly line?: number; readonly column?: number }
  /** A download or the hub. */
  | { readonly code: 'ERR_HUB'; readonly url?: string; readonly status?: number }
  /** Gradients of a failed or aborted accumulate are pending: dropGradients first. */
  | { readonly code: 'ERR_DIRTY' }
  | { readonly code: 'ERR_CLOSED' }
  | { readonly code: 'ERR_INTERNAL' };

export type EngineErrorCode = EngineErrorDetails['code'];

/** Every error that whetstone throws on purpose. `details` is typed by `code`. */
export class EngineError<D extends EngineErrorDetails = EngineErrorDetails> extends Error {
  override readonly name = 'EngineError';
  readonly code: D['code'];
  readonly details: D;

  constructor(message: string, details: D, options?: ErrorOptions) {
    super(message, options);
    this.code = details.code;
    this.details = details;
  }
}

/** Narrows an unknown value to an EngineError, of one code if given. Works across realms. */
export function isEngineError<C extends EngineErrorCode>(
  value: unknown,
  code?: C,
): value is EngineError<Extract<EngineErrorDetails, { code: C }>> {
  return (
    typeof value === 'object' && value !== null && 'code' in value && 'details' in value &&
    (value as { name?: unknown }).name === 'EngineError' && (code === undefined || value.code === code)
  );
}

/** Where in the data something is wrong. */
export interface Place {
  readonly file?: string;
  readonly row?: number;
  readonly field?: string;
}

/** An ERR_DATA whose message starts with the file, the row and the field, as far as they are known. */
export function dataError(place: Place, problem: string, options?: ErrorOptions): EngineError<
  { code: 'ERR_DATA' } & Place
> {
  const where = [
    place.file,
    place.row === undefined ? undefined : `row ${place.row}`,
    place.field === undefined ? undefined : `field "${place.field}"`,
  ].filter((part) => part !== undefined).join(', ');
  const { file, row, field } = place;
  return new EngineError(where === '' ? problem : `${where}: ${problem}`, {
    code: 'ERR_DATA',
    ...(file === undefined ? {} : { file }),
    ...(row === undefined ? {} : { row }),
    ...(field === undefined ? {} : { field }),
  }, options);
}

/** A value in a few words, for "came": its type, or its text when short. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return value === '' ? 'an empty string' : `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
  if (typeof value === 'object') return `an object with ${Object.keys(value).slice(0, 6).join(', ') || 'no fields'}`;
  return `${typeof value} ${String(value)}`;
}
