// The same training step here and with transformers + PEFT, in turns: same model, tokens, type and threads. Gives the
// ratio of tokens per second. Usage: npm run bench -- peer --python PYTHON (--shape NAME | --model DIR) [--seq 512]
// [--dtype f32] [--threads 2] [--rounds 4] [--steps 6]
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { cpuName, option, report, root, summarize } from '../harness.js';

/** Runs a command and returns the last JSON object that it printed. */
async function lastJson(command: string, args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let problems = '';
  child.stdout.setEncoding('utf8').on('data', (data: string) => { out += data; });
  child.stderr.setEncoding('utf8').on('data', (data: string) => { problems += data; });
  const status = await new Promise<number | string | null>((done) => {
    child.on('error', (error) => done(error.message)).on('close', (code, signal) => done(code ?? signal));
  });
  const line = out.split('\n').findLast((text) => text.startsWith('{'));
  if (status !== 0 || line === undefined) {
    throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${problems.trimEnd().split('\n').slice(-8).join('\n')}`);
  }
  return JSON.parse(line) as Readonly<Record<string, unknown>>;
}

function number(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`expected a number as ${name}, received ${String(value)}`);
  return value;
}

const python = option('python', 'python3');
const shape = option('shape', '');
const model = option('model', '');
if ((shape === '') === (model === '')) throw new Error('give --shape NAME (random weights) or --model DIR, one of them');
const seq = Number(option('seq', '512'));
const dtype = option('dtype', 'f32');
const threads = Number(option('threads', '2'));
const rounds = Number(option('rounds', '4'));
const steps = Number(option('steps', '6'));

const same = ['--rank', 16, '--dtype', dtype, '--threads', threads].map(String);
const what = shape === '' ? ['--model', isAbsolute(model) ? model : resolve(root, model)] : ['--shape', shape];
const peerScript = shape === '' ? join(root, 'bench', 'peer', 'peft_folder.py')
  : option('peer', join(root, '..', 'shared', 'peers', 'peft_step.py'));
if (!existsSync(peerScript)) throw new Error(`${peerScript}: not found; --peer names the script that makes models from shapes`);

async function ours(): Promise<number> {
  const line = await lastJson(process.execPath, ['--import', 'tsx', join(root, 'bench', 'step', 'train-step.ts'), ...what, ...same,
    '--tokens', String(seq), '--runs', String(steps)]);
  return number(line['stepMs'], 'stepMs of bench/step/train-step.ts');
}

async function theirs(): Promise<number> {
  const device = shape === '' ? [] : ['--device', 'cpu'];
  const line = await lastJson(python, [peerScript, ...what, ...same, ...device, '--seq', String(seq), '--steps', String(steps)]);
  return number(line['step_ms'], `step_ms of ${peerScript}`);
}

const mine: number[] = [];
const peers: number[] = [];
for (let round = 0; round < rounds; round++) {
  mine.push(await ours());
  peers.push(await theirs());
  process.stderr.write(`round ${round + 1}: whetstone ${mine.at(-1)!.toFixed(1)} ms, peer ${peers.at(-1)!.toFixed(1)} ms\n`);
}
const [own, peer] = [summarize(mine), summarize(peers)];
const rate = (ms: number): number => seq / (ms / 1e3);
report({
  case: 'peer', device: cpuName(), model: shape === '' ? relative(root, what[1]!) : shape, dtype, seq, threads, rank: 16,
  rounds, stepsPerRound: steps,
  stepMs: own.median, spread: own.spread, tokensPerSecond: rate(own.median),
  peer: 'transformers+peft', peerStepMs: peer.median, peerSpread: peer.spread, peerTokensPerSecond: rate(peer.median),
  ratio: peer.median / own.median, ratioOfBestRounds: Math.min(...peers) / Math.min(...mine),
});
if (Math.max(own.spread, peer.spread) > 0.1) {
  process.stderr.write('The rounds differ by more than a tenth: something else was running. Take the ratio on a quiet machine.\n');
}
