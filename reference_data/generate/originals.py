"""The published code that every stored number comes from, made importable.

`stable-diffusion-sdkit` carries the original `ldm` package. It imports training frameworks that no forward pass needs; empty
stand-ins take their place while it loads. `k_diffusion` is loaded the same way, only its two files about sampling.

Four pieces of CompVis/latent-diffusion are in no published package. They are transcribed at the end of this file.
"""
import contextlib
import importlib.util
import os
import sys
import types

os.environ[
    "ATTN_PRECISION"
] = "as given"  # CrossAttention: leave q and k in the precision they come in

import diffusers  # noqa: F401  (before the stand-ins: they would confuse its search for optional packages)
import numpy as np
import torch
import torchsde  # noqa: F401
import transformers  # noqa: F401
from einops import rearrange
from torch import nn


class _LightningModule(nn.Module):
    device = torch.device("cpu")


@contextlib.contextmanager
def _stand_ins(**modules):
    stubs = {name.replace("__", "."): types.ModuleType(name) for name in modules}
    for name, stub in stubs.items():
        stub.__dict__.update(modules[name.replace(".", "__")])
    sys.modules.update(stubs)
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        yield
    for name in stubs:
        del sys.modules[name]


with _stand_ins(
    pytorch_lightning={"LightningModule": _LightningModule},
    pytorch_lightning__utilities={},
    pytorch_lightning__utilities__distributed={"rank_zero_only": lambda f: f},
    torchvision={},
    torchvision__utils={"make_grid": None},
    omegaconf={"ListConfig": list},
    omegaconf__listconfig={"ListConfig": list},
):
    import ldm.models.autoencoder as autoencoder
    import ldm.models.diffusion.ddim as ddim
    import ldm.models.diffusion.ddpm as ddpm
    import ldm.models.diffusion.dpm_solver as dpm_solver
    import ldm.models.diffusion.plms as plms
    import ldm.modules.attention as attention
    import ldm.modules.diffusionmodules.model as vae
    import ldm.modules.diffusionmodules.openaimodel as openaimodel
    import ldm.modules.diffusionmodules.util as util
    import ldm.modules.distributions.distributions as distributions
    import ldm.modules.ema as ema

    import omegaconf.listconfig as _listconfig

sys.modules["omegaconf"] = types.ModuleType(
    "omegaconf"
)  # UNetModel looks at this one when it is built
sys.modules["omegaconf.listconfig"] = _listconfig

# The package's own __init__ would load all of it; `utils` lends the samplers one function.
_k_diffusion = types.ModuleType("k_diffusion")
_k_diffusion.__path__ = importlib.util.find_spec("k_diffusion").submodule_search_locations
with _stand_ins(
    k_diffusion=vars(_k_diffusion),
    torchdiffeq={"odeint": None},
    torchvision={},
    torchvision__transforms={"functional": None},
):
    import k_diffusion.external as k_external
    import k_diffusion.sampling as k_sampling

# Gradient checkpointing changes memory, not numbers, and its autocast calls are gone from today's torch.
attention.checkpoint = openaimodel.checkpoint = lambda function, inputs, parameters, flag: function(
    *inputs
)

# make_beta_schedule('cosine') calls numpy.clip on a torch tensor, which today's numpy refuses.
util.np = types.SimpleNamespace(
    **{**vars(np), "clip": lambda x, a_min, a_max: x.clamp(a_min, a_max)}
)


@contextlib.contextmanager
def float64_throughout():
    """Within, the published code computes in float64, also where it asks for float32 by name: the truth to compare with."""
    float32, to_float = torch.float32, torch.Tensor.float
    torch.float32, torch.Tensor.float = torch.float64, torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32, torch.Tensor.float = float32, to_float
        torch.set_default_dtype(float32)


class LinearAttention(nn.Module):
    """Transcribed from CompVis/latent-diffusion ldm/modules/attention.py (MIT)."""

    def __init__(self, dim, heads=4, dim_head=32):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Conv2d(dim, dim_head * heads * 3, 1, bias=False)
        self.to_out = nn.Conv2d(dim_head * heads, dim, 1)

    def forward(self, x):
        q, k, v = rearrange(
            self.to_qkv(x), "b (qkv heads c) h w -> qkv b heads c (h w)", heads=self.heads, qkv=3
        )
        k = k.softmax(dim=-1)
        context = torch.einsum("bhdn,bhen->bhde", k, v)
        out = torch.einsum("bhde,bhdn->bhen", context, q)
        return self.to_out(
            rearrange(out, "b heads c (h w) -> b (heads c) h w", heads=self.heads, h=x.shape[2])
        )


class LinAttnBlock(LinearAttention):
    """Transcribed from CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py (MIT)."""

    def __init__(self, in_channels):
        super().__init__(dim=in_channels, heads=1, dim_head=in_channels)


_make_attn = vae.make_attn
vae.make_attn = lambda width, attn_type="vanilla": (
    LinAttnBlock(width) if attn_type == "linear" else _make_attn(width, attn_type)
)


class LambdaWarmUpCosineScheduler:
    """Transcribed from CompVis/latent-diffusion ldm/lr_scheduler.py (MIT), like the two below."""

    def __init__(self, warm_up_steps, lr_min, lr_max, lr_start, max_decay_steps):
        self.warm_up, self.low, self.high, self.start, self.decay = (
            warm_up_steps,
            lr_min,
            lr_max,
            lr_start,
            max_decay_steps,
        )

    def __call__(self, n):
        if n < self.warm_up:
            return (self.high - self.start) / self.warm_up * n + self.start
        t = min((n - self.warm_up) / (self.decay - self.warm_up), 1.0)
        return self.low + 0.5 * (self.high - self.low) * (1 + np.cos(t * np.pi))


class LambdaWarmUpCosineScheduler2:
    """Several cycles; a cycle owns the steps up to and including its end."""

    def __init__(self, warm_up_steps, f_min, f_max, f_start, cycle_lengths):
        self.warm_up_steps, self.f_min, self.f_max, self.f_start = (
            warm_up_steps,
            f_min,
            f_max,
            f_start,
        )
        self.cycle_lengths, self.ends = cycle_lengths, np.cumsum([0] + list(cycle_lengths))

    def __call__(self, n):
        cycle = next(i for i, end in enumerate(self.ends[1:]) if n <= end)
        n = n - self.ends[cycle]
        warm_up, start, high = self.warm_up_steps[cycle], self.f_start[cycle], self.f_max[cycle]
        return (high - start) / warm_up * n + start if n < warm_up else self.after_warm_up(n, cycle)

    def after_warm_up(self, n, cycle):
        t = min(
            (n - self.warm_up_steps[cycle])
            / (self.cycle_lengths[cycle] - self.warm_up_steps[cycle]),
            1.0,
        )
        return self.f_min[cycle] + 0.5 * (self.f_max[cycle] - self.f_min[cycle]) * (
            1 + np.cos(t * np.pi)
        )


class LambdaLinearScheduler(LambdaWarmUpCosineScheduler2):
    def after_warm_up(self, n, cycle):
        length = self.cycle_lengths[cycle]
        return self.f_min[cycle] + (self.f_max[cycle] - self.f_min[cycle]) * (length - n) / length


class TinyEps(nn.Module):
    """Stands in for a UNet where only what surrounds it is of interest: a*x + b*t/1000 + c*mean(context)."""

    def __init__(self, a, b, c=0.0):
        super().__init__()
        self.a, self.b, self.c = a, b, c

    def forward(self, x, t, context=None):
        shift = self.b * t.to(x.dtype) / 1000
        if context is not None:
            shift = shift + self.c * context.mean(dim=(1, 2))
        return self.a * x + shift.reshape(-1, 1, 1, 1)


def latent_diffusion(eps, schedule, **settings):
    """The original LatentDiffusion around a TinyEps, in latent space from the start."""
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        return ddpm.LatentDiffusion(
            first_stage_config={"target": "ldm.models.autoencoder.IdentityFirstStage"},
            cond_stage_config="__is_unconditional__",
            unet_config={"target": "originals.TinyEps", "params": dict(eps)},
            use_ema=False,
            **{**schedule, **settings}
        )


def sdkit_context(context, depth):
    """This edition of SpatialTransformer takes one context per block where the original takes one for all."""
    return [context] * depth
