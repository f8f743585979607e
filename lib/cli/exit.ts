// Exit codes, documented in docs/cli.md, and how an error becomes one.

import type { EngineErrorCode } from '../errors.js';
import { isEngineError } from '../errors.js';

export const EXIT = {
  ok: 0,
  /** A fault of ours, or something we did not foresee. */
  unexpected: 1,
  /** The command line or the configuration. */
  usage: 2,
  /** Rows of data. */
  data: 3,
  /** A model, an adapter, a checkpoint, the hub. */
  model: 4,
  /** No such device, not enough memory, a device that stopped answering. */
  device: 5,
  /** A loss or a gradient that is not a finite number. */
  diverged: 6,
  /** Ctrl-C, after saving. */
  interrupted: 130,
  /** SIGTERM, after saving. */
  terminated: 143,
} as const;

const BY_CODE: Readonly<Partial<Record<EngineErrorCode, number>>> = {
  ERR_CONFIG: EXIT.usage,
  ERR_INVALID_ARGUMENT: EXIT.usage,
  ERR_DATA: EXIT.data,
  ERR_MODEL: EXIT.model,
  ERR_CHECKPOINT: EXIT.model,
  ERR_HUB: EXIT.model,
  ERR_UNSUPPORTED: EXIT.model,
  ERR_BACKEND_UNAVAILABLE: EXIT.device,
  ERR_OUT_OF_MEMORY: EXIT.device,
  ERR_DEVICE_LOST: EXIT.device,
  ERR_NOT_FINITE: EXIT.diverged,
};

export function exitCodeOf(error: unknown): number {
  return (isEngineError(error) ? BY_CODE[error.code] : undefined) ?? EXIT.unexpected;
}
