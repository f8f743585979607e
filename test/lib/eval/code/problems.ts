// A few problems written for these tests, in the published forms: HumanEval (Python), HumanEval-X (JavaScript),
// MultiPL-E (TypeScript) and MBPP.

export const HUMAN_EVAL = [
  {
    task_id: 'Own/0', entry_point: 'running_max',
    prompt: 'from typing import List\n\n\ndef running_max(numbers: List[int]) -> List[int]:\n    """ Largest number so far, at each place.\n    >>> running_max([1, 3, 2])\n    [1, 3, 3]\n    """\n',
    canonical_solution: '    best, out = None, []\n    for n in numbers:\n        best = n if best is None else max(best, n)\n        out.append(best)\n    return out\n',
    test: '\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate([]) == []\n    assert candidate([1, 3, 2]) == [1, 3, 3]\n    assert candidate([-5, -9]) == [-5, -5]\n',
  },
  {
    task_id: 'Own/1', entry_point: 'is_palindrome',
    prompt: 'def is_palindrome(text: str) -> bool:\n    """ Whether a text reads the same backwards, letters only. """\n',
    canonical_solution: '    letters = [c.lower() for c in text if c.isalpha()]\n    return letters == letters[::-1]\n',
    test: '\ndef check(candidate):\n    assert candidate("Never odd or even")\n    assert not candidate("abc")\n',
  },
  {
    task_id: 'Own/2', entry_point: 'digits',
    prompt: 'def digits(n: int) -> int:\n    """ Sum of the decimal digits of a number. """\n',
    canonical_solution: '    return sum(int(c) for c in str(abs(n)))\n',
    test: '\ndef check(candidate):\n    assert candidate(0) == 0\n    assert candidate(-123) == 6\n',
  },
];

export const HUMAN_EVAL_X = [
  {
    task_id: 'JavaScript/0',
    prompt: '/* Greatest common divisor of two whole numbers. */\nconst gcd = (a, b) => {\n',
    canonical_solution: '  while (b !== 0) [a, b] = [b, a % b];\n  return a;\n}\n\n',
    test: 'const testGcd = () => {\n  console.assert(gcd(12, 18) === 6)\n  if (gcd(12, 18) !== 6 || gcd(7, 0) !== 7) throw new Error("wrong")\n}\n\ntestGcd()\n',
  },
];

export const MULTIPLE = [
  {
    name: 'Own_0_chunks', language: 'ts', stop_tokens: ['\nfunction '],
    prompt: '//Cut a list into pieces of a given length.\nfunction chunks(items: number[], length: number): number[][] {\n',
    canonical_solution: '  const out: number[][] = [];\n  for (let i = 0; i < items.length; i += length) out.push(items.slice(i, i + length));\n  return out;\n}\n',
    tests: 'declare var require: any;\nconst assert = require(\'node:assert\');\n\nfunction test() {\n  let candidate = chunks;\n  assert.deepEqual(candidate([1, 2, 3], 2), [[1, 2], [3]]);\n  assert.deepEqual(candidate([], 2), []);\n}\n\ntest();',
  },
];

export const MBPP = [
  {
    task_id: 9001, text: 'Write a function to count the words of a text.',
    code: 'def count_words(text):\r\n  return len(text.split())', test_setup_code: '', challenge_test_list: [],
    test_list: ['assert count_words("a b  c") == 3', 'assert count_words("") == 0'],
  },
  {
    task_id: 9002, prompt: 'Write a function to find the hypotenuse of a right triangle.', test_imports: ['import math'],
    code: 'def hypotenuse(a, b):\n    return (a * a + b * b) ** 0.5',
    test_list: ['assert math.isclose(hypotenuse(3, 4), 5)'],
  },
];
