"""Operations of the CUDA plugin beside cuBLAS, cuDNN and the card's copy rate, in turns, device time between events.

usage: python bench/peer/gpu_ops.py libwhetstone_cuda.so [--runs 20] [--only products,adapters,attention,memory]
Prints a JSON line a case: medians of both sides in milliseconds, rates, and ours as a share of theirs. M = 8,192 rows, bf16,
Llama-3.1-8B shapes. Each case is first compared with a double-precision reference of a sample of its rows.
"""
import argparse, json, statistics, sys
import torch, torch.nn.functional as F
from torch.nn.attention import sdpa_kernel, SDPBackend
import abi
from abi import tensor, weight

parser = argparse.ArgumentParser()
parser.add_argument("plugin"); parser.add_argument("--runs", type=int, default=20); parser.add_argument("--only", default="products,adapters,attention,memory")
options = parser.parse_args()
torch.manual_seed(0)
BF, M, dev = torch.bfloat16, 8192, "cuda"
plugin = abi.Plugin(options.plugin, tokens=M, widest=28672, vocabulary=128256, rank=128, slots=4)
about = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
copy_tbps = None


def theirs_ms(run):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record(); run(); end.record(); end.synchronize()
    return begin.elapsed_time(end)


def in_turns(ours, theirs):
    """Medians and spreads of both, measured one after the other, again and again."""
    a, b = [], []
    for i in range(options.runs + 4):
        torch.cuda.synchronize()
        mine = plugin.milliseconds(ours)
        other = theirs_ms(theirs) if theirs else None
        if i >= 4:
            a.append(mine); b.append(other)
    return statistics.median(a), statistics.median(b) if theirs else None


def report(case, ours, theirs, **more):
    print(json.dumps({**about, "case": f"ops/{case}", "ms": round(ours, 4), **({"theirsMs": round(theirs, 4), "share": round(theirs / ours, 3)} if theirs else {}), **more}), flush=True)


def close(out, reference, limit=8e-3):
    error = ((out.double() - reference).norm() / reference.norm()).item()
    assert error <= limit, f"wrong by {error}"
    return float(f"{error:.2e}")


def linear_calls(x, ws, ys, dys, dx, rank=0, grads=False):
    k, sizes = x.shape[1], [w.shape[0] for w in ws]
    length = sum(rank * (k + n) for n in sizes) or 16
    keep = {"slab": torch.randn(1, length, device=dev).mul_(0.02).to(BF), "grad": torch.zeros(1, length, device=dev), "scale": torch.ones(1, dtype=torch.float64, device=dev),
            "begin": torch.tensor([0, M], dtype=torch.int32), "slot": torch.tensor([0], dtype=torch.int32), "row": torch.arange(M, dtype=torch.int32, device=dev),
            "u": [torch.empty(M, max(rank, 16), device=dev, dtype=BF) for _ in ws]}
    keep["begin_dev"], keep["slot_dev"] = keep["begin"].to(dev), keep["slot"].to(dev)
    route = abi.Route(*[keep[n].data_ptr() for n in ("begin", "begin_dev", "slot", "slot_dev", "row")], 1)
    fwd, bwd, at = (abi.Linear * len(ws))(), (abi.LinearBwd * len(ws))(), 0
    for i, w in enumerate(ws):
        pair = abi.Pair()
        if rank:
            a, b = at, at + rank * k
            pair = abi.Pair(a=keep["slab"].data_ptr() + 2 * a, b=keep["slab"].data_ptr() + 2 * b, slot_stride=length, rank=rank, dtype=1, scale=keep["scale"].data_ptr())
            if grads:
                pair.da, pair.db = keep["grad"].data_ptr() + 4 * a, keep["grad"].data_ptr() + 4 * b
            at = b + rank * w.shape[0]
        u = tensor(keep["u"][i]) if rank else tensor(None)
        fwd[i] = abi.Linear(x=tensor(x), bias=tensor(None), y=tensor(ys[i]), u=u, w=weight(w), pair=pair, route=route)
        bwd[i] = abi.LinearBwd(dy=tensor(dys[i]), x=tensor(x), u=u, dx=tensor(dx), w=weight(w), pair=pair, route=route, dx_write=1 if i else 0)
    return plugin.op("linear", fwd), plugin.op("linear_bwd", bwd), keep


def products():
    for name, sizes, k in (("qkv", [4096, 1024, 1024], 4096), ("o", [4096], 4096), ("gate_up", [14336, 14336], 4096), ("down", [4096], 14336), ("head", [128256], 4096)):
        x = torch.randn(M, k, device=dev).to(BF)
        whole = torch.randn(sum(sizes), k, device=dev).mul_(0.02).to(BF)
        dy_whole = torch.randn(M, sum(sizes), device=dev).to(BF)
        ws = list(whole.split(sizes)); dys = [d.contiguous() for d in dy_whole.split(sizes, 1)]
        ys = [torch.empty(M, n, device=dev, dtype=BF) for n in sizes]; dx = torch.empty(M, k, device=dev, dtype=BF)
        flops = 2 * M * sum(sizes) * k / 1e9
        fwd, bwd, keep = linear_calls(x, ws, ys, dys, dx)
        fwd(); bwd(); torch.cuda.synchronize()
        pick = torch.randint(0, M, (64,), device=dev)
        error = max(close(ys[0][pick], x[pick].double() @ ws[0].double().t()), close(dx[pick], dy_whole[pick].double() @ whole.double()))
        for pass_name, ours, theirs in (("forward", fwd, lambda: torch.mm(x, whole.t())), ("dX", bwd, lambda: torch.mm(dy_whole, whole))):
            a, b = in_turns(ours, theirs)
            report(f"product/{name}/{pass_name}", a, b, tflops=round(flops / a, 1), theirTflops=round(flops / b, 1), against="cuBLAS", error=error)
        if "adapters" in options.only and name != "head":
            for rank in (16, 64, 128):
                f1, b1, keep1 = linear_calls(x, ws, ys, dys, dx, rank); f2, b2, keep2 = linear_calls(x, ws, ys, dys, dx, rank, True)
                plain_f, with_f = in_turns(fwd, None)[0], in_turns(f1, None)[0]
                plain_b, with_b, all_b = in_turns(bwd, None)[0], in_turns(b1, None)[0], in_turns(b2, None)[0]
                report(f"adapter/{name}/r{rank}", with_f + all_b, None, forward=round(with_f / plain_f - 1, 4), forwardAndDx=round((with_f + with_b) / (plain_f + plain_b) - 1, 4),
                       everything=round((with_f + all_b) / (plain_f + plain_b) - 1, 4))
        del x, whole, dy_whole, ws, dys, ys, dx


def attention():
    for sequence in (2048, 4096, 8192):
        count, heads, groups, width = M // sequence, 32, 8, 128
        q, dout, o, dq = (torch.randn(M, heads, width, device=dev).to(BF) for _ in range(4))
        k, v, dk, dv = (torch.randn(M, groups, width, device=dev).to(BF) for _ in range(4))
        lse = torch.empty(heads, M, device=dev)
        begin = torch.arange(0, M + 1, sequence, dtype=torch.int32); lengths = torch.full((count,), sequence, dtype=torch.int32)
        begin_dev, first_dev, lengths_dev = begin.to(dev), begin[:-1].to(dev), lengths.to(dev)
        fwd = abi.Attention(q=tensor(q), k=tensor(k), v=tensor(v), o=tensor(o), lse=tensor(lse), q_begin=tensor(begin_dev), k_begin=tensor(first_dev), k_count=tensor(lengths_dev),
                            q_host=begin.data_ptr(), k_host=begin.data_ptr(), count_host=lengths.data_ptr(), longest=sequence, scale=width ** -0.5)
        bwd = abi.AttentionBwd(q=tensor(q), k=tensor(k), v=tensor(v), o=tensor(o), lse=tensor(lse), dout=tensor(dout), dq=tensor(dq), dk=tensor(dk), dv=tensor(dv),
                               q_begin=tensor(begin_dev), q_host=begin.data_ptr(), longest=sequence, scale=width ** -0.5)
        ours_f, ours_b = plugin.op("attention", fwd), plugin.op("attention_bwd", bwd)
        Q, K, V = (torch.randn(count, heads, sequence, width, device=dev, dtype=BF, requires_grad=True) for _ in range(3))
        G = torch.randn_like(Q)
        flops = 2 * count * heads * sequence * sequence * width / 1e9
        with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
            O = F.scaled_dot_product_attention(Q, K, V, is_causal=True)
            a, b = in_turns(ours_f, lambda: F.scaled_dot_product_attention(Q, K, V, is_causal=True))
            c, d = in_turns(ours_b, lambda: torch.autograd.grad(O, (Q, K, V), G, retain_graph=True))
        last = q[sequence - 1].double(); keys = k[:sequence].double().repeat_interleave(heads // groups, 1)
        p = (torch.einsum("he,khe->hk", last, keys) * width ** -0.5).softmax(-1)
        error = close(o[sequence - 1], torch.einsum("hk,khe->he", p, v[:sequence].double().repeat_interleave(heads // groups, 1)))
        report(f"attention/{sequence}/forward", a, b, tflops=round(flops / a, 1), theirTflops=round(flops / b, 1), against="cuDNN (32 key heads)", error=error)
        report(f"attention/{sequence}/backward", c, d, tflops=round(2.5 * flops / c, 1), theirTflops=round(2.5 * flops / d, 1), against="cuDNN (32 key heads)")


def memory():
    big, to = torch.empty(1 << 30, dtype=torch.uint8, device=dev), torch.empty(1 << 30, dtype=torch.uint8, device=dev)
    copy = 2 * big.numel() / statistics.median(theirs_ms(lambda: to.copy_(big)) for _ in range(12)) / 1e9
    del big, to
    wide, narrow = 14336, 4096
    gate, up, h, dh, dgate, dup = (torch.randn(M, wide, device=dev).to(BF) for _ in range(6))
    r, delta, total, y, dsum, dx = (torch.randn(M, narrow, device=dev).to(BF) for _ in range(6))
    w, rstd = torch.randn(narrow, device=dev).to(BF), torch.empty(M, device=dev)
    q, k = torch.randn(M, 32, 128, device=dev).to(BF), torch.randn(M, 8, 128, device=dev).to(BF)
    cos, sin = torch.rand(M, 64, device=dev), torch.rand(M, 64, device=dev)
    cases = (
        ("norm", "norm", abi.Norm(r=tensor(r), delta=tensor(delta), sum=tensor(total), w=tensor(w), y=tensor(y), rstd=tensor(rstd), eps=1e-5), 4 * M * narrow * 2),
        ("norm_bwd", "norm_bwd", abi.NormBwd(dy=tensor(y), sum=tensor(total), w=tensor(w), rstd=tensor(rstd), dsum=tensor(dsum), dx=tensor(dx)), 4 * M * narrow * 2),
        ("swiglu", "swiglu", abi.Swiglu(gate=tensor(gate), up=tensor(up), h=tensor(h)), 3 * M * wide * 2),
        ("swiglu_bwd", "swiglu_bwd", abi.SwigluBwd(gate=tensor(gate), up=tensor(up), dh=tensor(dh), dgate=tensor(dgate), dup=tensor(dup)), 5 * M * wide * 2),
        ("rope", "rope", abi.Rope(q=tensor(q), k=tensor(k), cos=tensor(cos), sin=tensor(sin), sign=1.0), 2 * M * 40 * 128 * 2 + 2 * M * 64 * 4),
    )
    for name, entry, args, size in cases:
        ms, _ = in_turns(plugin.op(entry, args), None)
        report(f"memory/{name}", ms, None, tbps=round(size / ms / 1e9, 3), copyTbps=round(copy, 3), shareOfCopy=round(size / ms / 1e9 / copy, 3))


for group in (products, attention, memory):
    if group.__name__ in options.only:
        group()
