// A configuration as YAML: the resolved one that is saved with a run, and the commented one that `whetstone init`
// writes.

import { stringify } from 'yaml';
import { configFields } from './fields.js';
import type { Config } from './schema.js';

const SCHEMA_HINT = '# yaml-language-server: $schema=./node_modules/whetstone/schema/config.json';

/** Every key with its final value, as saved in the run's folder. */
export function writeResolved(config: Config): string {
  return `# The configuration of this run with every default filled in.\n${stringify(config, { lineWidth: 120 })}`;
}

/** A starting configuration in which every key stands with its meaning; keys not in `values` are commented out. */
export function writeCommented(values: Readonly<Record<string, unknown>>): string {
  const lines = [SCHEMA_HINT, '# Train with:  whetstone train <this file>      Any key can be changed there:  --set train.epochs=3', ''];
  let open: string[] = [];
  for (const field of configFields()) {
    const parts = field.key.split('.');
    const sections = parts.slice(0, -1);
    const shared = sections.findIndex((part, i) => open[i] !== part);
    for (let i = shared < 0 ? sections.length : shared; i < sections.length; i++) lines.push(`${i === 0 ? '\n' : ''}${'  '.repeat(i)}${sections[i]}:`);
    if (sections.length === 0 && open.length > 0) lines.push('');
    open = sections;
    const indent = '  '.repeat(sections.length);
    for (const line of wrap(field.description, 116 - indent.length)) lines.push(`${indent}# ${line}`);
    const chosen = Object.hasOwn(values, field.key) ? values[field.key] : undefined;
    const shown = chosen ?? field.defaultValue;
    const text = shown === undefined ? '' : ` ${stringify(shown, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()}`;
    lines.push(chosen === undefined ? `${indent}# ${parts.at(-1)}:${text}` : `${indent}${parts.at(-1)}:${text}`);
  }
  return `${lines.join('\n')}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else {
      line = line ? `${line} ${word}` : word;
    }
  }
  return [...lines, line];
}
