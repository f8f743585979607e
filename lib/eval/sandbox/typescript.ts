// TypeScript to JavaScript by taking the types away: with Node's own stripper where it has one, else with esbuild if
// the project has it. No type is checked.

import { createRequire } from 'node:module';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { EngineError } from '../../errors.js';

type Strip = (text: string) => string;
let found: Strip | undefined;

/** JavaScript for a TypeScript text; throws SyntaxError-like errors of the tool for texts that cannot be read. */
export function stripTypes(text: string): string {
  found ??= find();
  return found(text);
}

function find(): Strip {
  const { stripTypeScriptTypes: own } = nodeModule as unknown as { stripTypeScriptTypes?: (text: string, options: object) => string };
  if (own !== undefined) return (text) => own(text, { mode: 'transform' });
  for (const from of [join(process.cwd(), 'package.json'), process.argv[1]]) {
    if (from === undefined) continue;
    try {
      const esbuild = createRequire(from)('esbuild') as { transformSync(text: string, options: object): { code: string } };
      return (text) => esbuild.transformSync(text, { loader: 'ts', target: 'es2022' }).code;
    } catch {
      // not there: look further
    }
  }
  throw new EngineError(
    `running TypeScript needs Node 22.13 or newer, or the package esbuild in the project (npm install esbuild); this is Node ${process.version} without it`,
    { code: 'ERR_UNSUPPORTED', op: 'TypeScript', reasons: ['no tool that takes types away'] });
}
