// What a session would take, asked before anything is taken: of a device of this machine, or of any GPU by its memory.
import type { MemoryLine } from '../errors.js';
import { toNativeOptions } from './arguments.js';
import { findPlugin, probePlugin } from './devices.js';
import { callSite, refuse, typed } from './failure.js';
import { loadAddon } from './native.js';
import type { RecomputeLayers, SessionOptions } from './types.js';

export interface PlanOptions extends Omit<SessionOptions, 'weights' | 'signal' | 'onProgress'> {
  /** A GPU that need not be in this machine, with `memoryBytes` of memory; no plugin is needed. @default false */
  readonly elsewhere?: boolean;
}

export interface MemoryPlan {
  readonly lines: readonly MemoryLine[];
  readonly total: number;
  /** What `total` may be. */
  readonly available: number;
  readonly fits: boolean;
  /** What the recompute policy comes to. */
  readonly recompute: RecomputeLayers;
}

/** Plans a session. `total` is within two percent of what the session then takes. */
export async function planMemory(options: PlanOptions): Promise<MemoryPlan> {
  const at = callSite(planMemory);
  const { elsewhere = false, ...rest } = options;
  const native = toNativeOptions({ ...rest, weights: [] });
  if (elsewhere && (native.device !== 'cuda' || native.memoryBytes === 0)) refuse('elsewhere', 'device "cuda" with memoryBytes', native.device);
  let plugin: string | undefined;
  if (native.device === 'cuda' && !elsewhere) {
    plugin = findPlugin();
    await probePlugin(plugin);
  }
  const { lines, available, fits, recompute } = await typed(
    loadAddon().planMemory({ ...native, ...(plugin === undefined ? {} : { plugin }) }), at);
  return {
    lines: lines.map(({ name, bytes }) => ({ name, bytes })), total: lines.reduce((sum, { bytes }) => sum + bytes, 0),
    available, fits, recompute: { ...recompute },
  };
}
