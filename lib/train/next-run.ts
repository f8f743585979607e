// next-run.yaml: the configuration of the run with the doctor's remedies in it, ready to be trained.

import type { DiagnosisEvent } from '../track/events.js';
import { sentence } from '../track/verdict.js';
import type { Config } from './config/schema.js';
import { writeResolved } from './config/write.js';

export function nextRun(config: Config, { verdict, evidence, remedies }: DiagnosisEvent): string {
  const next = structuredClone(config) as Record<string, unknown>;
  const changed = new Map<string, unknown>();
  for (const { set } of remedies) {
    for (const [key, value] of Object.entries(set)) {
      // The first remedy that sets a key counts.
      if (!changed.has(key)) changed.set(key, value);
    }
  }
  // Both more updates at a higher rate and a higher rank would be three experiments in one: rate and rank wait.
  if (verdict === 'underfitting' && evidence.every(({ what }) => !what.startsWith('part of'))) {
    changed.delete('train.learningRate');
    changed.delete('lora.r');
  }
  if (changed.has('lora.r')) changed.set('lora.alpha', (config.lora.alpha! / config.lora.r) * (changed.get('lora.r') as number));
  changed.set('output', `${config.output}-next`);
  for (const [key, value] of changed) {
    const parts = key.split('.');
    let node = next;
    for (const part of parts.slice(0, -1)) node = node[part] as Record<string, unknown>;
    node[parts.at(-1)!] = value;
  }
  const lines = [
    `# The run in ${config.output} was found: ${verdict}.`,
    ...evidence.map((one) => `#   ${sentence(one)}`),
    '# Changed for the next one:',
    ...[...changed].map(([key, value]) => `#   ${key}: ${JSON.stringify(value)}`),
    ...remedies.filter(({ set }) => Object.keys(set).length === 0).map(({ what }) => `# To be done by hand: ${what}.`),
  ];
  return `${lines.join('\n')}\n${writeResolved(next as Config)}`;
}
