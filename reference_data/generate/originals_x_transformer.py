"""latent-diffusion's x_transformer.py: x-transformers of its time with two changes, which are made here: RMSNorm, and residual
attention does not turn pre_norm off."""
import sys
import types

import torch
from torch import nn

sys.modules["entmax"] = types.SimpleNamespace(
    entmax15=None, entmax_bisect=None
)  # an option never used
import x_transformers.x_transformers as xt

del sys.modules["entmax"]


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-8):
        super().__init__()
        self.scale, self.eps = dim**-0.5, eps
        self.g = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        norm = torch.norm(x, dim=-1, keepdim=True) * self.scale
        return x / norm.clamp(min=self.eps) * self.g


class ScaleNorm(RMSNorm):
    """One g for all, and latent diffusion's place of the scale."""

    def __init__(self, dim, eps=1e-5):
        super().__init__(dim, eps)
        self.g = nn.Parameter(torch.ones(1))


xt.ScaleNorm = ScaleNorm


def transformer(attn_layers, **wrapper):
    settings = {k: v for k, v in attn_layers.items() if k not in ("class", "use_rmsnorm")}
    if attn_layers.get("use_rmsnorm"):
        settings["use_scalenorm"] = True
        xt.ScaleNorm = RMSNorm
    layers = getattr(xt, attn_layers.get("class", "Encoder"))(**settings)
    xt.ScaleNorm = ScaleNorm
    layers.pre_norm = attn_layers.get("pre_norm", True)
    return xt.TransformerWrapper(attn_layers=layers, **wrapper)
