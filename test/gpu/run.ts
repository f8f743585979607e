// Holds backends against the oracle without jest: operations, what test/ops checks of them, whole models, golden
// files, training beside the CPU, provoked failures. Bundled to one file that needs a node binary, engine_testing.node beside it and, for "cuda",
// libwhetstone_cuda.so. See test/gpu/options.ts.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cpuInfo, findPlugin, probePlugin } from '../../lib/engine/devices.js';
import { loadAddon } from '../../lib/engine/native.js';
import { checkUnits } from './checks.js';
import { failureUnits } from './failures.js';
import { goldenUnits } from './golden.js';
import { modelUnits, type Device } from './models.js';
import { operationUnits, spots } from './operations.js';
import { readOptions, USAGE, wanted, type Options } from './options.js';
import { declines, failureLine, summary, tableText, type Outcome } from './outcomes.js';
import { runHere, runUnits } from './pool.js';
import { small } from './small.js';
import { trainingUnits } from './training.js';
import type { Unit } from './unit.js';
import { work } from './worker.js';

const beside = dirname(resolve(process.argv[1]!));

/** Names of what lies beside this file become the environment that the engine looks at, where it says nothing. */
function settle(): void {
  for (const [name, file] of [['WHETSTONE_ENGINE', 'engine_testing.node'], ['WHETSTONE_ENGINE_TESTING', 'engine_testing.node'],
    ['WHETSTONE_CUDA_PLUGIN', 'libwhetstone_cuda.so']] as const) {
    const path = join(beside, file);
    if ((process.env[name] ?? '') === '' && existsSync(path)) process.env[name] = path;
  }
}

function pluginPath(): string {
  try {
    return findPlugin();
  } catch {
    return '';
  }
}

async function unitsOf(options: Options, backends: readonly string[]): Promise<readonly Unit[]> {
  const devices = backends as readonly Device[];
  const units = [
    ...operationUnits(spots(backends, options.isa, pluginPath())), ...await checkUnits(backends), ...modelUnits(devices),
    ...(options.golden === undefined ? [] : goldenUnits(devices)), ...trainingUnits(devices), ...failureUnits(devices),
  ];
  return (options.small ? small(units) : units).filter(({ group, op }) => wanted(options, group, op));
}

/** Devices of the backends that can run here, and a sentence for each that cannot. */
async function census(backends: readonly string[]) {
  const addon = loadAddon('engine_testing');
  const devices = backends.includes('cpu') ? [...await addon.devices()] : [];
  const unavailable: Record<string, string> = {};
  if (backends.includes('cuda')) {
    try {
      const plugin = findPlugin();
      await probePlugin(plugin);
      const found = await addon.devices(plugin);
      if (found.length === 0) unavailable['cuda'] = `${plugin} finds no device`;
      devices.push(...found);
    } catch (error) {
      unavailable['cuda'] = (error as Error).message ?? String(error);
    }
  }
  return { devices, unavailable };
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (!options.worker) settle(); // its environment has it all
  if (options.golden !== undefined) process.env['WHETSTONE_GOLDEN'] = resolve(options.golden);
  const asked = options.backends ?? (pluginPath() === '' ? ['cpu'] : ['cpu', 'cuda']);
  if (options.worker) {
    work(await unitsOf(options, (process.env['WHETSTONE_RUN_BACKENDS'] ?? '').split(',')));
    return 0;
  }

  const started = performance.now();
  const { devices, unavailable } = await census(asked);
  for (const { kind, ordinal, name, detail } of devices) process.stdout.write(`${kind}:${ordinal}  ${name}  ${detail}\n`);
  for (const [backend, why] of Object.entries(unavailable)) process.stdout.write(`${backend}: cannot run here: ${why}\n`);
  if (options.golden === undefined) process.stdout.write('golden cases: not run, there is no --golden DIR\n');
  const backends = asked.filter((backend) => unavailable[backend] === undefined);
  process.env['WHETSTONE_RUN_BACKENDS'] = backends.join(',');
  if (!backends.includes('cuda')) process.env['WHETSTONE_CUDA_PLUGIN'] = ''; // the checks look there

  const outcomes: Outcome[] = [];
  const units = backends.length === 0 ? [] : await unitsOf(options, backends);
  const onOutcome = (outcome: Outcome): void => {
    outcomes.push(outcome);
    if (outcome.outcome === 'failed') process.stdout.write(`${failureLine(outcome)}\n`);
  };
  await (options.small ? runHere(units, onOutcome) : runUnits(units, { jobs: options.jobs, patience: options.patience, onOutcome }));

  const table = summary(outcomes);
  const count = (what: Outcome['outcome']): number => outcomes.filter(({ outcome }) => outcome === what).length;
  const refused = declines(outcomes);
  const [passed, declined] = [count('passed'), count('declined')];
  // A backend that was asked for and cannot run is a failure; one that was only looked for is not.
  const failed = count('failed') + (options.backends === undefined ? 0 : Object.keys(unavailable).length) + (units.length === 0 ? 1 : 0);
  const seconds = (performance.now() - started) / 1e3;
  process.stdout.write(`\n${tableText(table)}\n\n${declined} declined${refused.map((line) => `\n  ${line}`).join('')}\n`);
  if (options.report !== undefined) {
    const report = {
      commit: process.env['WHETSTONE_COMMIT'] ?? 'not bundled', date: new Date().toISOString(), node: process.version,
      engine: loadAddon('engine_testing').version, arguments: process.argv.slice(2), devices, unavailable, cpu: cpuInfo(),
      seconds, passed, failed, declined, table, refused, outcomes,
    };
    const text = JSON.stringify(report, (_key, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value), 1);
    writeFileSync(options.report, `${text}\n`);
  }
  process.stdout.write(`${seconds.toFixed(0)} s${units.length === 0 ? ', nothing to run' : ''}\n${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
