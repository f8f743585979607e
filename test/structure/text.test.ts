// What must not be in any tracked text: paths of the machine it was written on, registry hosts, unfinished work.
import { read, repositoryFiles } from './files.js';

const FORBIDDEN: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'a path of a machine', pattern: /(^|[^A-Za-z0-9_.~-])\/(work|home|farm|root|Users|opt\/pypi)\/[A-Za-z0-9_.]/m },
  { what: 'a package registry', pattern: /\bregistry\.[a-z0-9-]+\.[a-z]|files\.pythonhosted|"resolved"\s*:/ },
  { what: 'unfinished work', pattern: /\b(TO[D]O|FIX[M]E)\b/ },
];
/** Data and weights are somebody's text; a licence is quoted as it is. */
const FREE = /^(data|models)\/|^LICENSE$|\.(safetensors|bin|parquet|png|gz)$/;

function problems(name: string, text: string): readonly string[] {
  return FORBIDDEN.filter(({ pattern }) => pattern.test(text)).map(({ what, pattern }) => {
    const line = text.slice(0, text.search(pattern) + 1).split('\n').length;
    return `${name}:${line} holds ${what}`;
  });
}

test('no tracked text names this machine, a registry or unfinished work', () => {
  const texts = repositoryFiles().filter((name) => !FREE.test(name));
  expect(texts).toContain('package-lock.json');
  expect(texts.flatMap((name) => problems(name, read(name)))).toEqual([]);
});

test.each([
  ['see /\x77ork/somewhere', 'a path of a machine'],
  ['"/\x68ome/me/x"', 'a path of a machine'],
  ['https://\x72egistry.example.org/x', 'a package registry'],
  ['// \x54ODO later', 'unfinished work'],
])('%s is found', (text, what) => {
  expect(problems('x', text)).toEqual([`x:1 holds ${what}`]);
});
