"""The same modules, the same numbers, less time on a CPU.

PyTorch's GroupNorm is slow backwards for channels-last bfloat16. Here GroupNorm and the SiLU after it become
one function, and attention is written without copies. Parameters and their names stay as they are.
"""

import sys
import types

import torch
import torch.nn.functional as F

from common import HERE

sys.path.insert(0, str(HERE.parent))
import originals  # noqa: E402

torch._dynamo.config.recompile_limit = 64


def plain(x, weight, bias, groups: int, eps: float, silu: bool):
    y = F.group_norm(x, groups, weight, bias, eps)
    return F.silu(y) if silu else y


class NormSilu(torch.autograd.Function):
    """`plain` for channels-last tensors, sums in float32. x [B, C, H, W]; inside, rows [B, H*W, C]."""

    @staticmethod
    def rows(x):
        return x.permute(0, 2, 3, 1).flatten(1, 2).float()

    @staticmethod
    def picture(rows, like):
        b, c, h, w = like.shape
        return rows.to(like.dtype).view(b, h, w, c).permute(0, 3, 1, 2)

    @staticmethod
    def forward(ctx, x, weight, bias, groups, eps, silu):
        v = NormSilu.rows(x)
        b, pixels, c = v.shape
        n = pixels * (c // groups)
        mean = v.sum(1).view(b, groups, -1).sum(2) / n
        square = (v * v).sum(1).view(b, groups, -1).sum(2) / n
        inverse = (square - mean * mean + eps).rsqrt()
        mean, inverse = (s.repeat_interleave(c // groups, 1) for s in (mean, inverse))  # [B, C]
        scale = (inverse * weight)[:, None]
        shift = (bias - mean * inverse * weight)[:, None]
        h = torch.addcmul(shift, v, scale)
        ctx.save_for_backward(x, weight, mean, inverse, scale, shift)
        ctx.groups, ctx.silu = groups, silu
        return NormSilu.picture(F.silu(h, inplace=True) if silu else h, x)

    @staticmethod
    def backward(ctx, dy):
        x, weight, mean, inverse, scale, shift = ctx.saved_tensors
        v, d = NormSilu.rows(x), NormSilu.rows(dy)
        if ctx.silu:
            d = torch.ops.aten.silu_backward(d, torch.addcmul(shift, v, scale))
        b, pixels, c = v.shape
        size = c // ctx.groups
        d_sum = d.sum(1)
        dx_hat = ((d * v).sum(1) - mean * d_sum) * inverse  # sum of d times the normalised x
        first, second = ((s * weight).view(b, ctx.groups, -1).sum(2).repeat_interleave(size, 1) / (pixels * size)
                         for s in (d_sum, dx_hat))
        slope = -second * inverse * inverse
        offset = -first * inverse - slope * mean
        dx = torch.addcmul(offset[:, None], v, slope[:, None]).addcmul_(d, scale)
        return NormSilu.picture(dx, x), dx_hat.sum(0), d_sum.sum(0), None, None, None


compiled = torch.compile(plain, dynamic=False)
WORTH_COMPILING = 96 * 16 * 16  # numbers in one picture; compiling takes ten seconds for every new shape


def fastest(x, weight, bias, groups, eps, silu):
    function = compiled if x[0].numel() >= WORTH_COMPILING else NormSilu.apply
    return function(x, weight, bias, groups, eps, silu)


def norm_forward(self, x):
    function = fastest if torch.is_grad_enabled() else plain
    return function(x, self.weight, self.bias, self.num_groups, self.eps, self.then_silu)


def attention_forward(self, x, context=None, mask=None):
    """CrossAttention.forward in the precision of its input, without einops."""
    context = x if context is None else context
    q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2)
               for t in (self.to_q(x), self.to_k(context), self.to_v(context)))
    scores = (q * self.scale) @ k.transpose(-1, -2)
    return self.to_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def fuse(model):
    """Rewires a UNetModel or an autoencoder in place; its state_dict does not change."""
    originals.vae.nonlinearity = lambda x: x  # done by the norm before it
    for module in model.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.then_silu = False
            module.forward = types.MethodType(norm_forward, module)
        elif isinstance(module, originals.attention.CrossAttention):
            module.forward = types.MethodType(attention_forward, module)
    for module in model.modules():
        if isinstance(module, (originals.vae.ResnetBlock, originals.vae.Encoder, originals.vae.Decoder)):
            for name in ("norm1", "norm2", "norm_out"):
                if hasattr(module, name):
                    getattr(module, name).then_silu = True
        elif isinstance(module, torch.nn.Sequential):
            for i in range(len(module) - 1):
                if isinstance(module[i], torch.nn.GroupNorm) and isinstance(module[i + 1], torch.nn.SiLU):
                    module[i].then_silu = True
                    module[i + 1] = torch.nn.Identity()
    return model.to(memory_format=torch.channels_last)
