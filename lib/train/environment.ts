// Where a run was made: versions, processor, device, memory. Saved as environment.json for the report.

import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../engine/native.js';
import type { TestSet } from './test-set.js';

export interface Environment {
  readonly whetstone: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly device: string;
  /** CPU threads of the engine; 0: one per core. */
  readonly threads: number;
  /** Fingerprint of the model's weights. */
  readonly model: string;
  readonly began: string;
  readonly test?: TestSet;
}

export function environment(run: { readonly device: string; readonly threads: number; readonly model: string; readonly test: TestSet | undefined }): Environment {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return {
    whetstone: version, node: process.versions.node, platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem(), device: run.device, threads: run.threads,
    model: run.model, began: new Date().toISOString(), ...(run.test === undefined ? {} : { test: run.test }),
  };
}
