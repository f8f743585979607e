// Writes schema/config.json from the configuration schema. Run with: npx tsx schema/make.ts

import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../lib/train/config/json-schema.js';

writeFileSync(new URL('./config.json', import.meta.url), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
