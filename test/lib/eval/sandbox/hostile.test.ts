// Twenty-two programs that mean harm: each must end by itself or be ended, leave this machine as it was, and never pass.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../../../../lib/eval/sandbox/languages.js';
import type { Language, ProgramResult } from '../../../../lib/eval/sandbox/languages.js';
import { withJail } from './jail.js';

const LIMITS = { cpuSeconds: 1, wallSeconds: 4, memoryBytes: 512 * 2 ** 20 };
/** The less memory there is to fill, the sooner it is full. */
const SMALL = { ...LIMITS, cpuSeconds: 3, memoryBytes: 128 * 2 ** 20 };
let folder: string;
let requests = 0;
const server = createServer((_, response) => { requests++; response.end('reached'); });
let port: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'whetstone-hostile-'));
  await writeFile(join(folder, 'secret'), 'the secret');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});

/** Name, language, program, and what must have happened. */
type Case = readonly [name: string, language: Language, program: (port: number) => string, check: (result: ProgramResult) => void];

const refused = (words: RegExp) => (result: ProgramResult): void => {
  expect(result).toMatchObject({ ended: 'exit', exitCode: 1 });
  expect(result.stderr).toMatch(words);
};
const stopped = (...ways: ProgramResult['ended'][]) => (result: ProgramResult): void => expect(ways).toContain(result.ended);

const CASES: readonly Case[] = [
  ['a fork bomb', 'python', () => 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass', stopped('cpu-time', 'wall-time', 'processes', 'signal')],
  ['a fork bomb of shells\' kind in JavaScript', 'javascript',
    () => 'const { spawn } = require("child_process"); const go = () => { for (let i = 0; i < 9; i++) { try { spawn(process.execPath, ["-e", "while(1);"]).on("error", () => {}); } catch {} } setImmediate(go); }; go();',
    stopped('cpu-time', 'wall-time', 'processes', 'memory', 'signal', 'exit')],
  ['threads without end', 'python', () => 'import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,), daemon=True).start()', refused(/can't start new thread/)],
  ['3 GB at once', 'python', () => 'x = bytearray(3 * 10**9)', refused(/MemoryError/)],
  ['3 GB piece by piece', 'python', () => 'x = []\nwhile True: x.append(bytearray(10**7))', refused(/MemoryError/)],
  ['memory shared out to many processes', 'python',
    () => 'import mmap, os\nfor _ in range(12):\n  if os.fork() == 0:\n    m = mmap.mmap(-1, 120 * 2**20)\n    for i in range(0, len(m), 4096): m[i] = 1\n    import time; time.sleep(9)\nimport time; time.sleep(9)',
    stopped('memory')],
  ['3 GB in JavaScript', 'javascript', () => 'const x = []; for (let i = 0; i < 300; i++) x.push(Buffer.alloc(1e7, 1)); ', (result) => expect(['exit', 'signal', 'memory']).toContain(result.ended)],
  ['memory that belongs to no process', 'python', () => 'import os\nfd = os.memfd_create("x")', refused(/PermissionError/)],
  ['an endless loop', 'python', () => 'while True: pass', stopped('cpu-time')],
  ['an endless loop that ignores signals', 'python', () => 'import signal\nfor s in (signal.SIGXCPU, signal.SIGTERM, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\nwhile True: pass', stopped('signal', 'wall-time')],
  ['sleep', 'python', () => 'import time\ntime.sleep(1000)', stopped('wall-time')],
  ['output without end', 'python', () => 'while True: print("x" * 10000)', stopped('output')],
  ['a full disk', 'python', () => 'import os\nfor i in range(100):\n  with open(f"/tmp/{i}", "wb") as f: f.write(b"x" * 2**22)', refused(/No space left|File too large/)],
  ['reading a file of this machine', 'python', () => `print(open(${JSON.stringify('SECRET')}).read())`, refused(/FileNotFoundError/)],
  ['reading the password file and home', 'python', () => 'import os\nopen("/etc/passwd")', refused(/FileNotFoundError/)],
  ['writing outside', 'javascript', () => 'require("fs").writeFileSync("/usr/lib/harm", "x")', refused(/EROFS|EACCES|ENOENT/)],
  ['changing its own tests', 'python', () => 'open("/box/main.py", "w")', refused(/Read-only|Permission/)],
  ['the network', 'python', (at) => `import urllib.request\nurllib.request.urlopen("http://127.0.0.1:${at}", timeout=2)`, refused(/Connection refused|unreachable/)],
  ['killing everyone', 'python', () => 'import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(1, signal.SIGKILL)\nraise SystemExit(3)', (result) => expect(result.exitCode).not.toBe(0)],
  ['leaving early as if all were well', 'python', () => 'import os\nos._exit(0)', (result) => expect(result).toMatchObject({ ended: 'exit', exitCode: 0 })],
  ['leaving early in JavaScript', 'javascript', () => 'process.exit(0)', (result) => expect(result).toMatchObject({ ended: 'exit', exitCode: 0 })],
  ['a new namespace with new rights', 'python', () => 'import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nassert libc.unshare(0x10000000) == 0, ctypes.get_errno()', refused(/AssertionError: (1|28)/)],
];

/** Three at a time: most of them only wait for their limit. */
const results = new Map<string, ProgramResult>();
let before: number;
beforeAll(() => withJail(async (jail) => {
  before = readdirSync(homedir()).length;
  const queue = [...CASES];
  await Promise.all([1, 2, 3].map(async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, language, program] = next;
      results.set(name, await runProgram(jail, language, program(port).replace('SECRET', join(folder, 'secret')), /piece|shared/.test(name) ? SMALL : LIMITS));
    }
  }));
}), 120_000);

test.each(CASES)('%s', async (name, _language, _program, check) => {
  await withJail(async () => {
    const result = results.get(name)!;
    expect(result.passed).toBe(false);
    check(result);
    expect(result.stdout).not.toContain('the secret');
    expect(result.stdout.length + result.stderr.length).toBeLessThan(2 ** 18);
    expect(result.seconds).toBeLessThan(7);
    expect(requests).toBe(0);
    expect(readdirSync(homedir())).toHaveLength(before);
    expect(existsSync('/usr/lib/harm')).toBe(false);
  });
});
