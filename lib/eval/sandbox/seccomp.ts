// The system calls that a contained program is refused (EPERM): memory that no process owns, debuggers, keys, kernel
// modules, mounts and namespaces. Made as the classic BPF program that `bwrap --seccomp` loads.

interface Architecture {
  /** AUDIT_ARCH_*. */
  readonly audit: number;
  readonly denied: readonly number[];
  /** Numbers from here on belong to another calling convention (x32). */
  readonly foreign?: number;
}

// In the order: memfd_create memfd_secret shmget msgget mq_open ptrace process_vm_readv process_vm_writev userfaultfd bpf
// perf_event_open io_uring_setup add_key request_key keyctl mount umount2 unshare setns pivot_root open_tree move_mount
// fsopen kexec_load init_module finit_module delete_module syslog name_to_handle_at open_by_handle_at.
const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    foreign: 0x40000000,
    denied: [319, 447, 29, 68, 240, 101, 310, 311, 323, 321, 298, 425, 248, 249, 250, 165, 166, 272, 308, 155, 428, 429, 430, 246, 175,
      313, 176, 103, 303, 304],
  },
  arm64: {
    audit: 0xc00000b7,
    denied: [279, 447, 194, 186, 180, 117, 270, 271, 282, 280, 241, 425, 217, 218, 219, 40, 39, 97, 268, 41, 428, 429, 430, 104, 105,
      273, 106, 116, 264, 265],
  },
};

const [LOAD, EQUAL, AT_LEAST, RETURN] = [0x20, 0x15, 0x35, 0x06];
const [KILL, ALLOW, DENY] = [0x80000000, 0x7fff0000, 0x00050001];

/** The program's bytes, or undefined on a kind of processor that is not listed here. */
export function seccompFilter(architecture: string = process.arch): Buffer | undefined {
  const kind = ARCHITECTURES[architecture];
  if (kind === undefined) return undefined;
  const steps: [code: number, jumpTrue: number, jumpFalse: number, value: number][] = [
    [LOAD, 0, 0, 4], [EQUAL, 1, 0, kind.audit], [RETURN, 0, 0, KILL], [LOAD, 0, 0, 0],
  ];
  const foreign = kind.foreign === undefined ? [] : [kind.foreign];
  const checks = foreign.length + kind.denied.length;
  const deny = (i: number): number => checks - i; // over the rest of the checks and the ALLOW after them
  for (const first of foreign) steps.push([AT_LEAST, deny(0), 0, first]);
  for (const [i, call] of kind.denied.entries()) steps.push([EQUAL, deny(foreign.length + i), 0, call]);
  steps.push([RETURN, 0, 0, ALLOW], [RETURN, 0, 0, DENY]);
  const bytes = Buffer.alloc(steps.length * 8);
  for (const [i, [code, jumpTrue, jumpFalse, value]] of steps.entries()) {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(jumpTrue, i * 8 + 2);
    bytes.writeUInt8(jumpFalse, i * 8 + 3);
    bytes.writeUInt32LE(value, i * 8 + 4);
  }
  return bytes;
}
