// Numbers as text the way Python writes them: '%.2f' rounds a number that lies exactly between two to the even one,
// where toFixed goes up.

export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  // A tie is an odd multiple of 2^-(digits + 1): times 10^digits it ends in exactly one half.
  const scaled = Math.abs(value) * 2 ** (digits + 1);
  if (!Number.isInteger(scaled) || scaled % 2 !== 1) return text;
  const halves = BigInt(scaled) * 5n ** BigInt(digits); // twice the value in units of the last place
  const below = (halves - 1n) / 2n;
  const even = (below % 2n === 0n ? below : below + 1n).toString().padStart(digits + 1, '0');
  const point = even.length - digits;
  return `${value < 0 ? '-' : ''}${even.slice(0, point)}${digits === 0 ? '' : `.${even.slice(point)}`}`;
}
