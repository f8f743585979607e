// WHETSTONE_ISA: forces each instruction set that this machine has, and a word that names none is refused.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isas } from '../support/door.js';

const addon = join(__dirname, '..', '..', 'build', 'Release', 'engine.node');

function cpuInfoWith(isa: string): { readonly isa?: string; readonly available?: readonly string[]; readonly message?: string } {
  const script = `const a = require(${JSON.stringify(addon)}); let r; try { r = a.cpuInfo(); } catch (e) { r = { message: e.message }; }` +
    'console.log(JSON.stringify(r));';
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { env: { ...process.env, WHETSTONE_ISA: isa }, encoding: 'utf8' })) as object;
}

test('every available instruction set can be forced, and plain code is always one of them', () => {
  expect(isas()[0]).toBe('plain');
  for (const isa of isas()) expect(cpuInfoWith(isa)).toMatchObject({ isa, available: isas() });
});

test('without the variable the best one is taken', () => {
  expect(cpuInfoWith('').isa).toBe(isas().at(-1));
});

test('a word that names none is refused with the list', () => {
  expect(cpuInfoWith('sse9').message).toBe('WHETSTONE_ISA: expected an instruction set that this machine has ' +
    `(${isas().join(', ')}), got "sse9"; name one of them or leave the variable out`);
});
