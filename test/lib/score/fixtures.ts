// Reads what the reference implementations answered.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const file = (name: string): Buffer => gunzipSync(readFileSync(join(__dirname, 'fixtures', name)));

export function fixture<T>(name: string): T {
  return JSON.parse(file(name).toString('utf8')) as T;
}

export function doubles(name: string): Float64Array {
  const bytes = file(name);
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
