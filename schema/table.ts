// The table of all configuration keys in docs/config.md, from the schema. Written there by schema/make.ts.

import { configFields } from '../lib/train/config/fields.js';

export function configTable(): string {
  const rows = configFields().map((field) => {
    const shown = field.required ? 'required' : field.defaultValue === undefined ? '' : `\`${JSON.stringify(field.defaultValue)}\``;
    return `| \`${field.key}\` | ${shown} | ${field.description.replaceAll('|', '\\|')} |`;
  });
  return ['| key | default | meaning |', '|---|---|---|', ...rows, ''].join('\n');
}
