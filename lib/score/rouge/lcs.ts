// Longest common subsequences of two lists of numbers: the length alone, or which positions of the first list one of
// them takes. Which one, where several are longest, is that of rouge_score: from the end, a step back in the second list
// only where that is strictly longer.

let before = new Int32Array(64);

/** Length of a longest common subsequence: one bit a position, a row at a time (Hyyrö, 2004). */
export function lcsLength(a: Int32Array, b: Int32Array): number {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const words = (short.length + 31) >>> 5;
  if (before.length < words) before = new Int32Array(2 * words);
  const rest = before.fill(-1, 0, words); // a cleared bit is a step up in length
  const where = new Map<number, Int32Array>();
  for (let i = 0; i < short.length; i++) {
    let mask = where.get(short[i]!);
    if (mask === undefined) where.set(short[i]!, mask = new Int32Array(words));
    mask[i >>> 5] = mask[i >>> 5]! | (1 << (i & 31));
  }
  for (const symbol of long) {
    const mask = where.get(symbol);
    if (mask === undefined) continue;
    let carry = 0;
    for (let w = 0; w < words; w++) {
      const old = rest[w]!;
      const hit = old & mask[w]!;
      const sum = (old >>> 0) + (hit >>> 0) + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      rest[w] = sum | (old & ~mask[w]!);
    }
  }
  let length = 0;
  for (let i = 0; i < short.length; i++) if ((rest[i >>> 5]! & (1 << (i & 31))) === 0) length++;
  return length;
}

/** Sets `taken[i]` for the positions of `a` that a longest common subsequence takes. */
export function markLcs(a: Int32Array, b: Int32Array, taken: Uint8Array): void {
  const columns = b.length + 1;
  // One bit a cell: the table is longer to the left than above.
  const left = new Uint8Array((a.length * columns + 7) >>> 3);
  let row = new Int32Array(columns);
  let above = new Int32Array(columns);
  for (let i = 0; i < a.length; i++) {
    [row, above] = [above, row];
    row[0] = 0;
    const symbol = a[i]!;
    for (let j = 1; j < columns; j++) {
      if (symbol === b[j - 1]) {
        row[j] = above[j - 1]! + 1;
        continue;
      }
      const [up, back] = [above[j]!, row[j - 1]!];
      if (back > up) {
        row[j] = back;
        const cell = i * columns + j;
        left[cell >>> 3] = left[cell >>> 3]! | (1 << (cell & 7));
      } else row[j] = up;
    }
  }
  let [i, j] = [a.length - 1, b.length];
  while (i >= 0 && j > 0) {
    const cell = i * columns + j;
    if (a[i] === b[j - 1]) {
      taken[i] = 1;
      i--;
      j--;
    } else if (left[cell >>> 3]! & (1 << (cell & 7))) j--;
    else i--;
  }
}
