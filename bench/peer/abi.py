"""The C waist (native/abi) for Python: just enough to call a backend plugin from a benchmark and hand it torch tensors."""
import ctypes as C
import torch

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float64: 2, torch.int32: 3}


def struct(name, *fields):
    return type(name, (C.Structure,), {"_fields_": list(fields)})


Tensor = struct("Tensor", ("data", C.c_void_p), ("shape", C.c_int64 * 4), ("dims", C.c_int32), ("dtype", C.c_int))
Weight = struct("Weight", ("codes", Tensor), ("scales", Tensor), ("block", C.c_int32), ("packed", C.c_void_p))
Route = struct("Route", *[(n, C.c_void_p) for n in ("begin", "begin_dev", "slot", "slot_dev", "row_dev")], ("segments", C.c_int32))
Pair = struct("Pair", ("a", C.c_void_p), ("b", C.c_void_p), ("da", C.c_void_p), ("db", C.c_void_p), ("slot_stride", C.c_int64),
              ("rank", C.c_int32), ("dtype", C.c_int), ("scale", C.c_void_p), ("drop", C.c_void_p), ("seed", C.c_void_p),
              ("tick", C.c_void_p), ("site", C.c_uint32))
Linear = struct("Linear", ("x", Tensor), ("bias", Tensor), ("y", Tensor), ("u", Tensor), ("w", Weight), ("pair", Pair), ("route", Route))
LinearBwd = struct("LinearBwd", ("dy", Tensor), ("x", Tensor), ("u", Tensor), ("dx", Tensor), ("w", Weight), ("pair", Pair),
                   ("route", Route), ("dx_write", C.c_int))
Norm = struct("Norm", ("r", Tensor), ("delta", Tensor), ("sum", Tensor), ("w", Tensor), ("y", Tensor), ("rstd", Tensor), ("eps", C.c_double))
NormBwd = struct("NormBwd", ("dy", Tensor), ("sum", Tensor), ("w", Tensor), ("rstd", Tensor), ("dsum", Tensor), ("dx", Tensor))
Swiglu = struct("Swiglu", ("gate", Tensor), ("up", Tensor), ("h", Tensor))
SwigluBwd = struct("SwigluBwd", *[(n, Tensor) for n in ("gate", "up", "dh", "dgate", "dup")])
Rope = struct("Rope", ("q", Tensor), ("k", Tensor), ("cos", Tensor), ("sin", Tensor), ("sign", C.c_float))
Attention = struct("Attention", *[(n, Tensor) for n in ("q", "k", "v", "o", "lse", "q_begin", "k_begin", "k_count")],
                   *[(n, C.c_void_p) for n in ("q_host", "k_host", "count_host")], ("longest", C.c_int32), ("window", C.c_int32), ("scale", C.c_double))
AttentionBwd = struct("AttentionBwd", *[(n, Tensor) for n in ("q", "k", "v", "o", "lse", "dout", "dq", "dk", "dv", "q_begin")],
                      ("q_host", C.c_void_p), ("longest", C.c_int32), ("window", C.c_int32), ("scale", C.c_double))
Limits = struct("Limits", ("threads", C.c_int32), *[(n, C.c_int64) for n in ("tokens", "widest", "vocabulary", "rank", "slots")])
ENTRIES = ("device_count device_info device_needs device_open device_close alloc release weight_pack stream_open stream_close stream_wait copy fill "
           "event_open event_close event_mark event_between embed norm norm_bwd linear linear_bwd rope_table rope attention "
           "attention_bwd swiglu swiglu_bwd split join rows head_loss sqnorm adamw sample supports last_error").split()
Table = struct("Table", ("abi_version", C.c_uint32), ("struct_size", C.c_uint32), ("name", C.c_char_p), *[(n, C.c_void_p) for n in ENTRIES])


def tensor(x):
    out = Tensor()
    for i in range(4):
        out.shape[i] = 1
    if x is None:
        return out
    assert x.is_contiguous()
    out.data, out.dims, out.dtype = x.data_ptr(), x.dim(), DTYPES[x.dtype]
    for i, extent in enumerate(x.shape):
        out.shape[i] = extent
    return out


def weight(x):
    return Weight(codes=tensor(x), scales=tensor(None))


class Plugin:
    """A loaded backend with one device and one stream open."""

    def __init__(self, path, **limits):
        self.table = Table()
        if C.CDLL(path).lora_backend_entry(2, C.byref(self.table)) != 0:
            raise RuntimeError(f"{path} refuses version 2 of the contract")
        self.last_error = C.CFUNCTYPE(C.c_char_p)(self.table.last_error)
        self.device, self.stream = C.c_void_p(), C.c_void_p()
        sizes = Limits(**limits)
        self._call("device_open", [C.c_int32, C.c_void_p, C.c_void_p], 0, C.addressof(sizes), C.addressof(self.device))
        self._call("stream_open", [C.c_void_p, C.c_void_p], self.device, C.addressof(self.stream))
        self.events = []
        for _ in range(2):
            event = C.c_void_p()
            self._call("event_open", [C.c_void_p, C.c_void_p], self.device, C.addressof(event))
            self.events.append(event)

    def _call(self, name, types, *args):
        if C.CFUNCTYPE(C.c_int, *types)(getattr(self.table, name))(*args) != 0:
            raise RuntimeError(f"{name}: {self.last_error().decode()}")

    def op(self, name, args):
        """A function that enqueues the operation; `args` is one struct, or an array of siblings."""
        count = [len(args)] if isinstance(args, C.Array) else []
        entry = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p, *[C.c_int32 for _ in count])(getattr(self.table, name))

        def enqueue():
            if entry(self.stream, C.addressof(args), *count) != 0:
                raise RuntimeError(f"{name}: {self.last_error().decode()}")
        return enqueue

    def milliseconds(self, enqueue):
        """Device time of one call, between two events."""
        begin, end = self.events
        self._call("event_mark", [C.c_void_p, C.c_void_p], self.stream, begin)
        enqueue()
        self._call("event_mark", [C.c_void_p, C.c_void_p], self.stream, end)
        out = C.c_double()
        self._call("event_between", [C.c_void_p, C.c_void_p, C.c_void_p], begin, end, C.addressof(out))
        return out.value
