"""Chapter 02: the autoencoder, its blocks, and the Gaussian between its halves."""
import torch
from cases import function_case, module_case, normal
from originals import LinAttnBlock, autoencoder, distributions, vae
from torch import nn


# ---- blocks
def resnet_block(
    situation, note, parts, x, x2=None, temb=None, scale=1.0, eps_matters=False, acts=(), **options
):
    def build(parts):
        def part(settings):
            settings = {k: v for k, v in settings.items() if k not in ("input", "temb")}
            return (
                vae.AttnBlock(settings["in_channels"])
                if settings.pop("class", "")
                else vae.ResnetBlock(**settings)
            )

        return nn.ModuleDict({name: part(settings) for name, settings in parts.items()})

    def call(module, **tensors):
        return {
            name: module[name](tensors[p["input"]], tensors[p["temb"]] if p.get("temb") else None)
            if "class" not in p
            else module[name](tensors[p["input"]])
            for name, p in parts.items()
        }

    inputs = {k: normal(*shape, scale=scale) for k, shape in (("x", x), ("x2", x2)) if shape} | (
        {"temb": normal(*temb)} if temb else {}
    )
    module_case(
        f"ResnetBlock.{situation}",
        build,
        {"parts": parts},
        inputs,
        call,
        eps_matters=eps_matters,
        note=note,
        acts=acts,
        source="ldm.modules.diffusionmodules.model.ResnetBlock",
        **options,
    )


plain = {"input": "x", "temb": None, "in_channels": 32, "dropout": 0.0, "temb_channels": 0}
resnet_block(
    "same_width",
    "As in the autoencoder: no time, identity shortcut.",
    {"block": plain},
    (2, 32, 4, 4),
    acts=["block.norm1", "block.conv1", "block.norm2", "block.conv2"],
)
resnet_block(
    "shortcuts_odd",
    "1x1 and 3x3 shortcuts, one with a time input; odd, non-square picture.",
    {
        "one": {**plain, "out_channels": 64},
        "three": {**plain, "out_channels": 64, "conv_shortcut": True},
        "timed": {
            **plain,
            "input": "x2",
            "temb": "temb",
            "in_channels": 64,
            "out_channels": 32,
            "temb_channels": 16,
        },
    },
    (2, 32, 5, 3),
    (2, 64, 3, 7),
    (2, 16),
    acts=["*.conv2", "*_shortcut", "timed.temb_proj"],
)
resnet_block(
    "with_attention",
    "The middle of the autoencoder: a block and an attention block side by side.",
    {"block": plain, "attn": {"class": "AttnBlock", "input": "x", "in_channels": 32}},
    (1, 32, 3, 4),
)
resnet_block(
    "tiny_input",
    "Inputs around 1e-3: eps 1e-6 shows, not 1e-5.",
    {"block": plain},
    (2, 32, 4, 5),
    scale=1e-3,
    eps_matters=True,
    special={"block.conv?.*": (0.0, 1e-4)},
)

for situation, note, shape, scale in [
    ("square", "One head over all pixels.", (1, 32, 4, 4), 1),
    ("odd", "Odd, non-square picture, two channels per group.", (2, 64, 3, 5), 1),
    ("tiny_input", "Inputs around 1e-3: eps 1e-6 shows.", (1, 32, 4, 3), 1e-3),
]:
    module_case(
        f"AttnBlock.{situation}",
        vae.AttnBlock,
        {"in_channels": shape[1]},
        {"x": normal(*shape, scale=scale)},
        acts=["norm", "q", "k", "v", "proj_out"],
        eps_matters=scale < 1,
        note=note,
    )

for situation, note, shape, scale in [
    ("square", "One head as wide as all channels; no norm, no residual.", (2, 16, 4, 4), 1),
    ("odd", "Odd, non-square picture.", (1, 24, 5, 3), 1),
    ("tiny_input", "Inputs around 1e-3.", (1, 16, 3, 2), 1e-3),
]:
    module_case(
        f"LinAttnBlock.{situation}",
        LinAttnBlock,
        {"in_channels": shape[1]},
        {"x": normal(*shape, scale=scale)},
        acts=["to_qkv"],
        note=note,
        source="CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py, transcribed",
    )


# ---- the whole autoencoder
def autoencoder_kl(embed_dim, ddconfig):
    return autoencoder.AutoencoderKL(ddconfig, {"target": "torch.nn.Identity"}, embed_dim)


def encode_decode(module, x, noise):
    posterior = module.encode(x)
    z = posterior.mean + posterior.std * noise
    return {
        "moments": posterior.parameters,
        "mean": posterior.mean,
        "logvar": posterior.logvar,
        "z": z,
        "kl": posterior.kl(),
        "dec": module.decode(z),
        "dec_mode": module.decode(posterior.mode()),
    }


ENCODER = ("encoder.conv_in", "encoder.down.?.block.?", "encoder.mid.*_?", "quant_conv")


def kl(
    situation,
    note,
    batch,
    size,
    embed_dim=4,
    scale=1.0,
    acts=ENCODER,
    eps_matters=False,
    special=None,
    cotangents_of=("moments", "dec"),
    **ddconfig,
):
    ddconfig = {
        "double_z": True,
        "z_channels": 4,
        "resolution": 32,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
        **ddconfig,
    }
    height, width = size
    factor = 2 ** (len(ddconfig["ch_mult"]) - 1)
    module_case(
        f"AutoencoderKL.{situation}",
        autoencoder_kl,
        {"embed_dim": embed_dim, "ddconfig": ddconfig},
        {
            "x": normal(batch, 3, height, width, scale=scale),
            "noise": normal(batch, embed_dim, height // factor, width // factor),
        },
        encode_decode,
        acts=acts,
        cotangents_of=cotangents_of,
        eps_matters=eps_matters,
        special=special,
        note=note,
        source="ldm.models.autoencoder.AutoencoderKL",
    )


kl("plain", "Two levels, attention in the middle only.", 1, (16, 16))
kl(
    "stable_diffusion_shape",
    "The levels of Stable Diffusion 1, narrow: factor 8.",
    1,
    (24, 16),
    ch_mult=[1, 2, 4, 4],
    num_res_blocks=2,
    resolution=256,
    cotangents_of=("dec",),
    acts=("encoder.down.?.block.0", "encoder.mid.*_?"),
)
kl(
    "attention_odd",
    "Attention at two nominal resolutions, whatever the real size; sizes that do not halve evenly.",
    2,
    (14, 10),
    ch_mult=[1, 1, 2],
    attn_resolutions=[32, 8],
    z_channels=3,
    embed_dim=2,
    acts=("encoder.down.?.block.?", "encoder.down.?.attn.?", "encoder.mid.*_?"),
)
kl(
    "linear_attention",
    "Linear attention has no residual: in the middle the block's output is replaced.",
    1,
    (8, 12),
    attn_type="linear",
    attn_resolutions=[16],
    special={"*to_qkv*": (0.0, 0.08), "*to_out.weight": (0.0, 0.09)},
)
kl(
    "no_attention",
    "attn_type none leaves attention out, also in the middle.",
    1,
    (8, 10),
    attn_type="none",
    attn_resolutions=[32, 16],
    acts=("encoder.down.?.block.?",),
)
kl(
    "no_resampling_weights",
    "Means and nearest neighbours between the levels.",
    1,
    (12, 8),
    resamp_with_conv=False,
)
kl("tanh", "The picture is squeezed through tanh.", 1, (8, 8), tanh_out=True)
kl(
    "pre_end",
    "give_pre_end: the decoder stops before its last norm and returns features.",
    1,
    (6, 8),
    give_pre_end=True,
)
kl(
    "tiny_input",
    "Inputs and weights around 1e-3: eps 1e-6 shows, not 1e-5.",
    1,
    (8, 8),
    scale=1e-3,
    eps_matters=True,
    special={"*conv*": (0.0, 1e-3), "*proj_out*": (0.0, 1e-3)},
)


# ---- the Gaussian between
def gaussian(situation, note, shape, scale=1.0, spread=1.0):
    def both(moments, moments2, moments3, noise):
        out = {}
        for prefix, mine, other in (("", moments, moments2), ("b.", moments2, moments3)):
            p, q = (distributions.DiagonalGaussianDistribution(m) for m in (mine, other))
            out |= {
                prefix + name: value
                for name, value in {
                    "mean": p.mean,
                    "logvar": p.logvar,
                    "std": p.std,
                    "var": p.var,
                    "sample": p.mean + p.std * noise,
                    "kl": p.kl(),
                    "kl_other": p.kl(q),
                    "nll": p.nll(noise),
                    "normal_kl": distributions.normal_kl(p.mean, p.logvar, q.mean, q.logvar),
                    "normal_kl_std": distributions.normal_kl(p.mean, p.logvar, 0.0, 0.0),
                }.items()
            }
        return out | {
            "det_std": distributions.DiagonalGaussianDistribution(moments, deterministic=True).std
        }

    batch, channels, height, width = shape
    parameters = normal(batch, 2 * channels, height, width, scale=scale)
    function_case(
        f"DiagonalGaussianDistribution.{situation}",
        {},
        {
            "moments": normal(batch, 2 * channels, height, width, scale=scale * spread),
            "moments2": parameters,
            "moments3": parameters,
            "noise": normal(*shape),
        },
        both,
        note,
        "ldm.modules.distributions.distributions.DiagonalGaussianDistribution",
    )


gaussian("plain", "Mean and logarithm of the variance, half of the channels each.", (2, 4, 4, 4))
gaussian("odd", "Odd, non-square.", (3, 3, 5, 1))
gaussian("tiny_input", "Means and log-variances around 1e-3.", (1, 2, 3, 2), scale=1e-3)
gaussian("clamped", "Log-variances beyond [-30, 20] are cut.", (1, 2, 3, 4), spread=15.0)
