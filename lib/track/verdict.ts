// Verdicts of the doctor in words, for the console, the report and next-run.yaml.

import type { Evidence } from './events.js';

function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 0.001 ? value.toPrecision(3) : value.toExponential(1);
}

/** "validation loss less train probe loss: 1.03 (0.85 to 1.2; limit 0.32)" */
export function sentence({ what, value, low, high, limit }: Evidence): string {
  const around = [
    ...(low === undefined || high === undefined ? [] : [`${digits(low)} to ${digits(high)}`]),
    ...(limit === undefined ? [] : [`limit ${digits(limit)}`]),
  ];
  return `${what}: ${digits(value)}${around.length === 0 ? '' : ` (${around.join('; ')})`}`;
}
