// Numbers as people read them, for the console and the curve.

/** 1234567 → "1,234,567"; digits after the point only below 100. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value < 100 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString('en-US');
}

/** 93 → "1:33", 4000 → "1:06:40". */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 1536 → "1.5 KiB". */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A loss with four digits. */
export function loss(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : String(value);
}

/** 0.0002 → "2.00e-4". */
export function rate(value: number): string {
  return value === 0 ? '0' : value.toExponential(2);
}
