// The configuration's JSON schema, for editors. schema/config.json is this, written by schema/make.ts.

import { z } from 'zod';
import { configSchema } from './schema.js';

export function configJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(configSchema, { io: 'input' }), title: 'whetstone training configuration' };
}
