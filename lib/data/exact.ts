// JSON whose numbers and key order survive JavaScript: 64-bit integers, 1.0 and {"2": …, "1": …} reach the chat template
// as they stand in the file. What JavaScript would change is carried as marked text (lib/record.ts), and the template's
// output is cleaned of the marks.
import { EXACT_CLOSE, EXACT_KEY, EXACT_OPEN } from '../record.js';

const TOKEN = /"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const SHOWN_NUMBER = new RegExp(`"${EXACT_OPEN}([^${EXACT_CLOSE}]*)${EXACT_CLOSE}"`, 'g');
const INDEX_KEY = /^"(?:0|[1-9]\d{0,9})"/;
/** Rows that call or describe tools, and hold a number or a key that JavaScript would change. */
const HAS_TOOLS = /"(?:tool_calls|tools|function_call|arguments|input_schema|tool_use)"/;

/** The way back, for showing: JSON with every marked value as it stood in the file. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(SHOWN_NUMBER, '$1').replaceAll(EXACT_KEY, '');
}

/** The row's text, for rows that have to be read exactly; nothing for all others. */
export function exactText(text: string): { readonly text?: string } {
  return HAS_TOOLS.test(text) && marked(text) !== text ? { text } : {};
}

/** As JSON.parse, with everything that JavaScript would change as marked text. */
export function parseExact(text: string): unknown {
  return JSON.parse(marked(text));
}

function marked(text: string): string {
  return text.replace(TOKEN, (token, colon?: string) => {
    if (token[0] === '"') return colon !== undefined && INDEX_KEY.test(token) ? `"${EXACT_KEY}${token.slice(1)}` : token;
    const faithful = pythonNumber(token);
    return faithful === JSON.stringify(Number(token)) ? token : `"${EXACT_OPEN}${faithful}${EXACT_CLOSE}"`;
  });
}

/** A JSON number as Python writes it back: integers digit by digit, others as the shortest text of the double. */
export function pythonNumber(token: string): string {
  if (/^-?\d+$/.test(token)) return token === '-0' ? '0' : token;
  const value = Number(token);
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [, sign = '', digits = '', exponent = '0'] = /^(-?)([\d.]+)e([+-]\d+)$/.exec(value.toExponential()) ?? [];
  const power = Number(exponent);
  const bare = digits.replace('.', '');
  if (power < -4 || power >= 16) return `${sign}${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${bare}`;
  const whole = bare.slice(0, power + 1).padEnd(power + 1, '0');
  return `${sign}${whole}.${bare.slice(power + 1) || '0'}`;
}
