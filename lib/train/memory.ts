// Whether a run fits, before anything is read but config.json, and the cheapest changes that would make it fit.

import type { LoraConfig } from '../checkpoint/targets.js';
import { resolveTargets } from '../checkpoint/targets.js';
import { EngineError } from '../errors.js';
import { planMemory } from '../engine/plan.js';
import type { MemoryPlan } from '../engine/plan.js';
import type { ModelSpec } from '../tensors.js';
import { bytes } from '../track/format.js';
import type { Config } from './config/schema.js';

/** Where the run would go. */
export interface RunDevice {
  /** "cpu", "cuda" or "cuda:<number>". */
  readonly device: string;
  /** Bytes to plan for instead of what is free; with "cuda", of a GPU that need not be here. */
  readonly memoryBytes?: number;
}

export interface Fix {
  /** Keys of the configuration with the values that help. */
  readonly set: Readonly<Record<string, unknown>>;
  /** What it costs, in words. */
  readonly cost: string;
  /** Bytes that the run takes then. */
  readonly total: number;
  readonly fits: boolean;
}

export interface RunPlan extends MemoryPlan {
  readonly device: string;
  /** When it does not fit: at most three changes, the cheapest first. */
  readonly fixes: readonly Fix[];
}

interface Change {
  readonly dtype?: 'f32' | 'bf16';
  readonly recompute?: Config['train']['recompute'];
  readonly batchTokens?: number;
  readonly r?: number;
  readonly targetModules?: LoraConfig['targetModules'];
}

function plan(config: Config, spec: ModelSpec, lora: LoraConfig, where: RunDevice, change: Change = {}): Promise<MemoryPlan> {
  const modules = resolveTargets(spec, { ...lora, ...(change.r === undefined ? {} : { r: change.r }),
    ...(change.targetModules === undefined ? {} : { targetModules: change.targetModules }) });
  const maxTokens = change.batchTokens ?? config.train.batchTokens;
  return planMemory({
    device: where.device, ...(where.memoryBytes === undefined ? {} : { memoryBytes: where.memoryBytes, elsewhere: where.device !== 'cpu' }),
    dtype: change.dtype ?? config.train.dtype, recompute: change.recompute ?? config.train.recompute, threads: config.threads, spec,
    targets: [...new Set(modules.map(({ projection }) => projection))], slots: 1, rank: Math.max(...modules.map(({ rank }) => rank)),
    maxTokens, maxSequences: Math.min(maxTokens, 4096), training: true,
  });
}

/** Plans a run of this configuration. */
export async function planRun(config: Config, spec: ModelSpec, lora: LoraConfig, where: RunDevice): Promise<RunPlan> {
  const now = await plan(config, spec, lora, where);
  return { ...now, device: where.device, fixes: now.fits ? [] : await findFixes(config, spec, lora, where, now.total) };
}

/** Refuses a run that does not fit, with the plan and what would help. */
export function refuseUnlessFits(run: RunPlan): void {
  if (run.fits) return;
  const lines = run.lines.toSorted((a, b) => b.bytes - a.bytes).slice(0, 8);
  throw new EngineError(
    `the run needs ${bytes(run.total)} on ${run.device} but only ${bytes(run.available)} are there. ${sayFixes(run.fixes)}\n` +
    `Largest parts:\n${lines.map((line) => `  ${line.name}: ${bytes(line.bytes)}`).join('\n')}`,
    { code: 'ERR_OUT_OF_MEMORY', needed: run.total, free: run.available, plan: lines });
}

export function sayFixes(fixes: readonly Fix[]): string {
  const say = ({ set, cost, total, fits }: Fix): string =>
    `  ${Object.entries(set).map(([key, value]) => `${key}=${typeof value === 'object' ? `[${(value as string[]).join(', ')}]` : String(value)}`).join(' ')}` +
    ` (${cost}): ${bytes(total)}${fits ? '' : ', which is still too much'}`;
  return fixes.length === 0 ? 'No single change makes it fit.' : `What would help, the cheapest first:\n${fixes.map(say).join('\n')}`;
}

/** Largest whole number in [low, high] that passes, if any; `passes` must not come back once it has failed. */
async function largest(low: number, high: number, passes: (value: number) => Promise<boolean>): Promise<number | undefined> {
  if (low > high || !(await passes(low))) return undefined;
  let [good, bad] = [low, high + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (await passes(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

const STEP = 64; // tokens
const ATTENTION = ['q_proj', 'k_proj', 'v_proj', 'o_proj'];
const FUSED_ATTENTION = ['qkv_proj', 'o_proj'];

async function findFixes(config: Config, spec: ModelSpec, lora: LoraConfig, where: RunDevice, before: number): Promise<readonly Fix[]> {
  const { train } = config;
  const found: Fix[] = [];
  const sized = async (change: Change, set: Fix['set'], cost: string): Promise<void> => {
    const { total, fits } = await plan(config, spec, lora, where, change);
    if (total < before) found.push({ set, cost, total, fits });
  };
  if (train.recompute === 'none') await sized({ recompute: 'cheap' }, { 'train.recompute': 'cheap' }, 'about 2 % of time');
  if (train.dtype === 'f32') await sized({ dtype: 'bf16' }, { 'train.dtype': 'bf16' }, 'rounding of weights and activations');

  const fits = async (change: Change): Promise<boolean> => (await plan(config, spec, lora, where, change)).fits;
  const steps = await largest(1, Math.floor((train.batchTokens - 1) / STEP), (count) => fits({ batchTokens: count * STEP }));
  const tokens = (steps ?? 1) * STEP;
  if (tokens < train.batchTokens) {
    const shorter = train.maxLength !== undefined && train.maxLength > tokens;
    await sized({ batchTokens: tokens }, {
      'train.batchTokens': tokens, 'train.accumulation': Math.ceil(train.accumulation * train.batchTokens / tokens), ...(shorter ? { 'train.maxLength': tokens } : {}),
    }, shorter ? 'shorter sequences in smaller batches' : 'smaller batches, as many tokens an update');
  }
  if (train.recompute === 'none' || train.recompute === 'cheap') {
    await sized({ recompute: 'layer' }, { 'train.recompute': 'layer' }, 'about a quarter of time');
  }
  const r = await largest(1, lora.r - 1, (rank) => fits({ r: rank }));
  if (lora.r > 1) await sized({ r: r ?? 1 }, { 'lora.r': r ?? 1 }, 'a smaller adapter');
  const few = spec.fusedQkv ? FUSED_ATTENTION : ATTENTION;
  if (lora.targetModules === 'all-linear') await sized({ targetModules: few }, { 'lora.targetModules': few }, 'adapters on attention only');

  // In order of what they cost; those that are not enough only where too few are.
  const enough = found.filter((fix) => fix.fits);
  const rest = found.filter((fix) => !fix.fits).sort((a, b) => a.total - b.total);
  return [...enough, ...rest].slice(0, 3);
}
