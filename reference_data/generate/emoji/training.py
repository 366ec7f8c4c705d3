"""What the three training scripts share: a schedule that ends on time, averaged weights, checkpoints."""

import copy
import os
import time

import torch


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
        self.module, self.decay, self.updates = copy.deepcopy(module).eval().requires_grad_(False), decay, 0

    @torch.no_grad()
    def update(self, module):
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.module.parameters()), [p.detach() for p in module.parameters()], 1 - decay)


def save(path, **state):
    """Written beside and renamed: killed at any moment, the last complete one is there."""
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)
