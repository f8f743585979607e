// The public door of the scores: where package.json points to, and that nothing behind it reaches out of its folder.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import * as score from '../../../lib/score/index.js';

const root = join(__dirname, '..', '..', '..');

test("'whetstone/score' is lib/score/index.ts", () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Readonly<Record<string, { types: string; default: string }>> };
  for (const path of Object.values(exports['./score']!)) {
    expect(existsSync(join(root, path.replace('./dist/', 'lib/').replace(/(\.d)?\.(js|ts)$/, '.ts')))).toBe(true);
  }
  const names = ['bleu', 'chrf', 'ter', 'rouge', 'classification', 'entityScores', 'squad', 'passAtK', 'bootstrap', 'mcnemar', 'holm'];
  expect(Object.keys(score)).toEqual(expect.arrayContaining(names));
});

const built = join(root, 'dist', 'score', 'index.js');
(existsSync(built) ? test : test.skip)('the built package is imported by its name (needs npm run build:lib)', () => {
  const out = execFileSync(process.execPath, ['--input-type=module', '-e',
    "import { bleu } from 'whetstone/score'; console.log(bleu(['The dog bit the man.'], ['The dog bit the man.']).score)"], { cwd: root, encoding: 'utf8' });
  expect(out.trim()).toBe('100.00000000000004');
});

test('scores import only scores and errors, and no module of Node.js', () => {
  const files = readdirSync(join(root, 'lib', 'score'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(35);
  for (const name of files) {
    const text = readFileSync(join(root, 'lib', 'score', name), 'utf8');
    for (const [, path] of text.matchAll(/^(?:import|export|\}).* from '([^']+)'/gm)) expect(path).toMatch(/^\.\.?\//);
  }
});
