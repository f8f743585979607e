// The test door: runs one operation of one backend with typed arrays in and out. A call is data (OpCall); what type
// its activations are stored in, and where it runs, is chosen when it is run.
import { loadAddon } from '../../lib/engine/native.js';

export type Dtype = 'f32' | 'bf16' | 'f64' | 'i32' | 'u8';
/** Of activations. f64 on the oracle only. */
export type Store = 'f32' | 'bf16' | 'f64';
/** `store` becomes the type of activations, `real` f64 where that is f64 and f32 elsewhere; the rest is fixed. */
export type Kind = 'store' | 'real' | Exclude<Dtype, 'bf16'>;
export type Role = 'in' | 'out' | 'inout';
export type Numbers = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array;

export interface Buffer {
  readonly kind: Kind;
  readonly role: Role;
  readonly length: number;
  readonly values?: ArrayLike<number>; // of "in" and "inout"
}

/** A tensor inside a named buffer; `offset` counts elements. */
export interface TensorRef {
  readonly buffer: string;
  readonly kind: Kind;
  readonly shape: readonly number[];
  readonly offset?: number;
}

/** Fields are those of native/abi/backend.h in camelCase; an object with `kind` is a tensor (or a pair). */
export type Args = Readonly<Record<string, unknown>>;

export interface OpCall {
  readonly op: string;
  readonly buffers: Readonly<Record<string, Buffer>>;
  /** One entry; several for siblings that share x. */
  readonly args: readonly Args[];
}

export interface Target {
  readonly backend: string; // "cpu", "oracle", "plain" (see native/cpu/backend.h), or the path of a plugin
  readonly isa?: string;
  readonly threads?: number;
}

export interface OpResult {
  readonly status: string;
  readonly message: string;
  readonly milliseconds: number;
  /** Whether every run gave the same bits. */
  readonly repeats: boolean;
  /** Buffers that were written past their end, or inputs that were changed. */
  readonly broken: readonly string[];
  /** Values of every "out" and "inout" buffer. */
  readonly outputs: Readonly<Record<string, Float64Array>>;
}

interface Addon {
  runOp(options: object): Omit<OpResult, 'outputs'>;
  supportsOp(options: object): { readonly status: string; readonly why: string };
  readonly isas: readonly string[];
}

const door = (): Addon => loadAddon('engine_testing') as unknown as Addon;

/** Instruction sets of the CPU backend that run here, weakest first. */
export function isas(): readonly string[] {
  return door().isas;
}

export function dtypeOf(kind: Kind, store: Store): Dtype {
  if (kind === 'store') return store;
  if (kind === 'real') return store === 'f64' ? 'f64' : 'f32';
  return kind;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Round to nearest even; a NaN stays one. */
export function toBf16(value: number): number {
  float[0] = value;
  const b = bits[0]!;
  if ((b & 0x7fffffff) > 0x7f800000) return (b >>> 16) | 0x40;
  return ((b + 0x7fff + ((b >>> 16) & 1)) >>> 16) & 0xffff;
}

export function fromBf16(value: number): number {
  bits[0] = value << 16;
  return float[0]!;
}

// Plain loops over arrays made once: `from` with a function, and names looked up in jest's global object, cost
// hundreds of nanoseconds an element.
const makers = {
  f32: (n: number) => new Float32Array(n),
  f64: (n: number) => new Float64Array(n),
  i32: (n: number) => new Int32Array(n),
  u8: (n: number) => new Uint8Array(n),
  bf16: (n: number) => new Uint16Array(n),
} as const;

export function encode(values: ArrayLike<number>, dtype: Dtype): Numbers {
  const numbers = makers[dtype](values.length);
  if (dtype !== 'bf16') {
    numbers.set(values);
    return numbers;
  }
  for (let i = 0; i < values.length; ++i) numbers[i] = toBf16(values[i]!);
  return numbers;
}

export function decode(numbers: Numbers, dtype: Dtype): Float64Array {
  const values = makers.f64(numbers.length);
  if (dtype !== 'bf16') {
    values.set(numbers);
    return values;
  }
  for (let i = 0; i < numbers.length; ++i) values[i] = fromBf16(numbers[i]!);
  return values;
}

function empty(length: number, dtype: Dtype): Numbers {
  return makers[dtype](length);
}

/** The call with every input rounded to what `store` can hold, so that all backends see the same numbers. */
export function rounded(call: OpCall, store: Store): OpCall {
  const buffers = Object.fromEntries(
    Object.entries(call.buffers).map(([name, b]) => {
      const dtype = dtypeOf(b.kind, store);
      return [name, b.values === undefined ? b : { ...b, values: decode(encode(b.values, dtype), dtype) }];
    }),
  );
  return { ...call, buffers };
}

function withDtypes(value: unknown, store: Store): unknown {
  if (Array.isArray(value)) return value.map((each) => withDtypes(each, store));
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).map(([key, each]) =>
    key === 'kind' ? ['dtype', dtypeOf(each as Kind, store)] : [key, withDtypes(each, store)],
  );
  return Object.fromEntries(entries);
}

function lowered(call: OpCall, target: Target, store: Store): { options: object; data: Map<string, Numbers> } {
  const data = new Map<string, Numbers>();
  const buffers: Record<string, { data: Numbers; role: Role }> = {};
  for (const [name, b] of Object.entries(call.buffers)) {
    const dtype = dtypeOf(b.kind, store);
    if (b.values !== undefined && b.values.length !== b.length) {
      throw new Error(`${call.op}: buffer ${name} holds ${b.length} elements but got ${b.values.length} values`);
    }
    const numbers = b.values === undefined ? empty(b.length, dtype) : encode(b.values, dtype);
    data.set(name, numbers);
    buffers[name] = { data: numbers, role: b.role };
  }
  const args = withDtypes(call.args, store);
  return { options: { ...target, op: call.op, buffers, args }, data };
}

/** Runs a call and reads back what it wrote. A refusal is a status, not an exception. */
export function runOp(call: OpCall, target: Target, store: Store, repeat = 1): OpResult {
  const { options, data } = lowered(call, target, store);
  const result = door().runOp({ ...options, repeat });
  const outputs = Object.fromEntries(
    Object.entries(call.buffers)
      .filter(([, b]) => b.role !== 'in')
      .map(([name, b]) => [name, decode(data.get(name)!, dtypeOf(b.kind, store))]),
  );
  return { ...result, outputs };
}

/** As runOp, for calls that must work: returns the outputs or throws the backend's sentence. */
export function outputsOf(call: OpCall, target: Target, store: Store): Readonly<Record<string, Float64Array>> {
  const result = runOp(call, target, store);
  if (result.status !== 'ok') throw new Error(`${call.op} on ${target.backend}: ${result.status}: ${result.message}`);
  if (result.broken.length > 0) throw new Error(`${call.op} on ${target.backend} wrote to ${result.broken.join(', ')}`);
  return result.outputs;
}

/** What `supports` says of a call's shapes: a status and every reason, one a line. */
export function supportsOp(
  call: OpCall,
  target: Target,
  store: Store,
): { readonly status: string; readonly why: string } {
  return door().supportsOp(lowered(call, target, store).options);
}
