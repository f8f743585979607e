// Builds the calls of test/support/cases: a tensor of its own buffer for every name, and routes.
import type { Args, Buffer, Kind, OpCall, Role, TensorRef } from './door.js';

export interface TensorSpec {
  readonly kind: Kind;
  readonly role: Role;
  readonly shape: readonly number[];
  readonly values?: ArrayLike<number>;
  /** Lies in the buffer of the tensor of that name: the contract allows it. */
  readonly same?: string;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

export const input = (kind: Kind, shape: readonly number[], values: ArrayLike<number>): TensorSpec => ({
  kind,
  role: 'in',
  shape,
  values,
});
export const output = (kind: Kind, shape: readonly number[]): TensorSpec => ({ kind, role: 'out', shape });
/** Read and then written. */
export const updated = (kind: Kind, shape: readonly number[], values: ArrayLike<number>): TensorSpec => ({
  kind,
  role: 'inout',
  shape,
  values,
});
/** An output that lies where `name` does; that tensor must be `updated`. */
export const inPlaceOf = (name: string, kind: Kind, shape: readonly number[]): TensorSpec => ({
  kind,
  role: 'inout',
  shape,
  same: name,
});

/** A call whose tensors are named as its arguments; the rest of the arguments as they are. */
export function opCall(op: string, tensors: Readonly<Record<string, TensorSpec | undefined>>, rest: Args = {}): OpCall {
  const buffers: Record<string, Buffer> = {};
  const refs: Record<string, TensorRef> = {};
  for (const [name, t] of Object.entries(tensors)) {
    if (t === undefined) continue;
    refs[name] = { buffer: t.same ?? name, kind: t.kind, shape: t.shape };
    if (t.same !== undefined) continue;
    const own = { kind: t.kind, role: t.role, length: sizeOf(t.shape) };
    buffers[name] = t.values === undefined ? own : { ...own, values: t.values };
  }
  return { op, buffers, args: [{ ...refs, ...rest }] };
}

export interface Route {
  readonly begin: Int32Array;
  readonly slot: Int32Array;
  readonly row: Int32Array;
}

/** Segments as [rows, slot]. */
export function route(segments: readonly (readonly [number, number])[]): Route {
  const begin = [0];
  const row: number[] = [];
  const seen = new Map<number, number>();
  for (const [rows, slot] of segments) {
    begin.push(begin.at(-1)! + rows);
    for (let i = 0; i < rows; ++i) {
      const next = seen.get(slot) ?? 0;
      row.push(next);
      seen.set(slot, next + 1);
    }
  }
  return {
    begin: Int32Array.from(begin),
    slot: Int32Array.from(segments, ([, slot]) => slot),
    row: Int32Array.from(row),
  };
}

/** 0, 0 + lengths[0], … */
export function starts(lengths: readonly number[]): Int32Array {
  const begin = new Int32Array(lengths.length + 1);
  lengths.forEach((n, i) => {
    begin[i + 1] = begin[i]! + n;
  });
  return begin;
}

/** One case of an operation: its call is made when it is run. */
export interface OpCase {
  readonly name: string;
  make(): OpCall;
}
