"""What the three training scripts share: a schedule that ends on time, averaged weights, checkpoints."""

import contextlib
import os
import tempfile
import time

import torch
import torch.distributed as distributed


class Clock:
    """Training by the clock: `minutes` in all, of which earlier runs may have used some."""

    def __init__(self, minutes, used=0.0):
        self.total, self.used, self.start = minutes * 60.0, used, time.time()

    def seconds(self):
        return self.used + time.time() - self.start

    def progress(self):
        return min(1.0, self.seconds() / self.total)


def learning_rate(highest, step, progress, warm_up=200, anneal_from=0.5):
    """Linear warm-up, constant, and from `anneal_from` of the time on linearly down to zero."""
    rate = highest * min(1.0, (step + 1) / warm_up)
    if progress > anneal_from:
        rate *= max(1e-3, (1.0 - progress) / (1.0 - anneal_from))
    return rate


class Average:
    """Exponential moving average of a module's weights (as LitEma: faster at the beginning)."""

    def __init__(self, module, decay=0.999):
        self.values = [p.detach().clone() for p in module.parameters()]
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, module):
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.values, [p.detach() for p in module.parameters()], 1 - decay)

    @contextlib.contextmanager
    def used_by(self, module):
        """Within, `module` has the averaged weights."""
        own = [p.detach().clone() for p in module.parameters()]
        with torch.no_grad():
            torch._foreach_copy_(list(module.parameters()), self.values)
            yield module
            torch._foreach_copy_(list(module.parameters()), own)


def save(path, **state):
    """Written beside and renamed: killed at any moment, the last complete one is there."""
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def orthogonal(matrix):
    """The nearest matrix with singular values around 1, by five Newton-Schulz steps (Jordan et al. 2024, Muon)."""
    x = matrix.flatten(1).bfloat16()
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * gram + 2.0315 * gram @ gram) @ wide
    return (wide if x.shape[0] <= x.shape[1] else wide.T).float().reshape(matrix.shape)


class Muon:
    """Orthogonalised momentum for the weights inside the network, AdamW for all else.

    Learns clearly more from one sample than AdamW alone, which counts when samples are dear. `inner(name, parameter)`
    says which weights are inside. Updates are scaled as in Liu et al. 2025, so that AdamW's rates suit both.
    """

    def __init__(self, module, inner, weight_decay=0.01, momentum=0.95):
        named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        self.matrices = [p for n, p in named if p.ndim >= 2 and inner(n, p)]
        known = {id(p) for p in self.matrices}
        self.adam = torch.optim.AdamW([p for _, p in named if id(p) not in known], betas=(0.9, 0.99),
                                      weight_decay=weight_decay)
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.momentum, self.weight_decay = momentum, weight_decay

    @torch.no_grad()
    def step(self, rate):
        for p, m in zip(self.matrices, self.momenta):
            m.lerp_(p.grad, 1 - self.momentum)
            update = orthogonal(torch.lerp(p.grad, m, self.momentum))
            rows, columns = p.shape[0], p[0].numel()
            p.mul_(1 - rate * self.weight_decay).add_(update, alpha=-0.2 * rate * max(rows, columns) ** 0.5)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()

    def state_dict(self):
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load_state_dict(self, state):
        self.momenta = state["momenta"]
        self.adam.load_state_dict(state["adam"])


def average_gradients(parameters, ranks):
    """Sums the gradients of all processes into everyone's."""
    if ranks == 1:
        return
    flat = torch.cat([p.grad.flatten() for p in parameters])
    distributed.all_reduce(flat)
    flat /= ranks
    for p, g in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(g.view_as(p))


def _process(rank, function, ranks, store, arguments):
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    torch.set_num_threads(1)
    function(rank, ranks, arguments)
    distributed.destroy_process_group()


def run_in_processes(function, ranks, arguments):
    """`function(rank, ranks, arguments)` in one process per core, each with its own samples.

    On a machine that others use too, threads inside one operation wait for each other at every operation;
    processes that average their gradients wait once a step.
    """
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (function, ranks, f"{folder}/store", arguments), nprocs=ranks)


class SharedClock(Clock):
    """The clock of rank 0, for all."""

    def __init__(self, minutes, used=0.0):
        super().__init__(minutes, used)
        self.shared = torch.zeros(1)

    def progress(self):
        self.shared.fill_(super().progress())
        distributed.broadcast(self.shared, 0)
        return self.shared.item()
