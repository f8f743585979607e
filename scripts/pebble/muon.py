"""Muon (orthogonalised momentum) for the matrices inside the layers; AdamW keeps the embeddings and norms."""
import torch


def orthogonal(g, steps=5):
    """Nearest-orthogonal direction of a stack of matrices by a quintic Newton-Schulz iteration, in bf16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16() if g.is_cuda else g.float()
    wide = x.shape[-2] <= x.shape[-1]
    x = x if wide else x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return (x if wide else x.mT).to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, matrices, lr, momentum=0.95, weight_decay=0.1):
        by_shape = {}
        for p in matrices:
            by_shape.setdefault(tuple(p.shape), []).append(p)
        super().__init__([{"params": group} for group in by_shape.values()],
                         {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = group["params"]
            grads = torch.stack([p.grad for p in params])
            state = self.state[params[0]]
            if not state:
                state["average"] = torch.zeros_like(grads)
            state["average"].lerp_(grads, 1 - group["momentum"])
            update = orthogonal(grads.lerp(state["average"], group["momentum"]))
            scale = group["lr"] * max(1, grads.shape[-2] / grads.shape[-1]) ** 0.5
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, list(update.unbind(0)), alpha=-scale)
