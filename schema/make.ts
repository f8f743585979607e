// Writes schema/config.json and the table in docs/config.md from the configuration schema. Run: npx tsx schema/make.ts

import { readFileSync, writeFileSync } from 'node:fs';
import { configJsonSchema } from '../lib/train/config/json-schema.js';
import { configTable } from './table.js';

writeFileSync(new URL('./config.json', import.meta.url), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);

const page = new URL('../docs/config.md', import.meta.url);
writeFileSync(page, readFileSync(page, 'utf8').replace(/\| key \| default[\s\S]*?\n\n/, () => `${configTable()}\n`));
